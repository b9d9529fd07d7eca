// The C side of package tsk: libtsk 4.11 driven so that entries cross into Go
// in batches and every error is fetched on the thread it came up on.
#ifndef SAKSI_TSK_SHIM_H
#define SAKSI_TSK_SHIM_H

#include <tsk/libtsk.h>
#include <stdint.h>

typedef struct {
	uint32_t code; // TSK_ERR_*, 0 for none
	char text[1024];
} sk_err;

typedef struct {
	uint64_t start, length; // bytes
	uint32_t flags;         // TSK_VS_PART_FLAG_*
	int32_t table, slot;
	char desc[128];
} sk_part;

// sk_rec is the head of one record of a batch; path, name, stream, link and
// runs (sk_run each) follow, the whole padded to 8 bytes. A record whose kind
// is SK_PROBLEM has only inode, code (in size), path and its text as name.
enum { SK_ENTRY = 1, SK_PROBLEM = 2 };
enum {
	SK_NAME_DELETED = 1, SK_META_DELETED = 2, SK_HAS_META = 4, SK_HAS_ATTR = 8,
	SK_RESIDENT = 16, SK_COMPRESSED = 32, SK_SPARSE = 64, SK_ENCRYPTED = 128, SK_MORE_RUNS = 256, SK_NAME_TIMES = 512,
};
typedef struct {
	uint32_t length, kind, flags, mode;
	uint64_t inode, parent, size, record; // record: image offset of the MFT record of a resident stream
	int64_t time[4];                      // mtime atime ctime crtime, seconds
	int64_t name_time[4];                 // the same of $FILE_NAME, with SK_NAME_TIMES
	uint32_t nano[4], name_nano[4];
	uint32_t uid, gid, links, seq;
	uint32_t attr_type, attr_id;
	uint32_t name_type, meta_type;
	uint32_t path_len, name_len, stream_len, link_len, runs, pad;
	uint64_t blocks, blocks_used; // of deleted content: looked at, and in use by others now
} sk_rec;

typedef struct {
	uint64_t file, image, length; // bytes
	uint32_t flags, pad;          // TSK_FS_ATTR_RUN_FLAG_*
} sk_run;

typedef struct {
	TSK_FS_FILE *file;
	const TSK_FS_ATTR *attr;
	uint64_t size;
	uint32_t flags; // SK_*
	int named;      // it is no unnamed stream
} sk_file;

typedef struct sk_image sk_image;
typedef struct sk_fs sk_fs;

typedef struct {
	char type[16];
	uint64_t offset, block_size, block_count, blocks_there, root, first, last;
} sk_fs_info;

typedef struct {
	uint64_t block;
	uint32_t encrypted;
	char desc[128];
} sk_pool_volume;

void sk_init(void);
sk_image *sk_open(uintptr_t h, int64_t size, uint32_t sector);
void sk_close(sk_image *im);
int sk_volumes(sk_image *im, sk_part *out, int max, char scheme[16], int *backup, sk_err *err);
int sk_pool(sk_image *im, int64_t offset, sk_pool_volume *out, int max, const TSK_POOL_INFO **pool, sk_err *err);
void sk_pool_close(const TSK_POOL_INFO *pool);
sk_fs *sk_fs_open(sk_image *im, int64_t offset, const TSK_POOL_INFO *pool, uint64_t block, sk_fs_info *info, sk_err *err);
void sk_fs_close(sk_fs *fs);
int sk_walk(sk_fs *fs, uintptr_t h, uint32_t flags, int max_runs, sk_err *err);
int sk_lookup(sk_fs *fs, const char *path, uint64_t *inode, sk_err *err);
int sk_file_open(sk_fs *fs, uint64_t inode, uint32_t type, uint32_t id, int has_id, sk_file *out, sk_err *err);
int sk_stream(sk_fs *fs, uint64_t inode, const char *name, uint32_t *type, uint32_t *id, sk_err *err);
int64_t sk_file_read(sk_file *f, int64_t off, char *buf, size_t n, int slack, sk_err *err);
int sk_file_runs(sk_fs *fs, sk_file *f, sk_run *out, int max, uint64_t *record);
void sk_file_close(sk_file *f);
// sk_free lists the stretches of blocks that are in no use, as pairs of image offset
// and length in bytes; the caller frees them. It gives at most max and says by more
// that there are others.
int64_t sk_free(sk_fs *fs, uint64_t **pairs, uint64_t max, int *more, sk_err *err);

enum { SK_WALK_DELETED = 1, SK_WALK_ORPHANS = 2, SK_WALK_RUNS = 4 };

#endif
