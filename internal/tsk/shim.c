#include "shim.h"
#include "_cgo_export.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tsk/fs/tsk_ntfs.h>

struct sk_image {
	TSK_IMG_INFO img; // first: libtsk casts
	uintptr_t h;
};

// A directory seen by a walk. visits bounds how often it is read.
typedef struct {
	uint64_t inode, parent;
	uint32_t visits, listed, used;
} sk_dir;

typedef struct {
	sk_dir *slots;
	size_t size, used; // size is a power of two
} sk_dirs;

enum { BATCH = 256 << 10, RECORD_MAX = 128 << 10, VISITS_MAX = 32, PROBLEMS_MAX = 1000, CHAIN_MAX = 4096, CHECKS_MAX = 16 << 20 };

typedef struct {
	uintptr_t h;
	char *buf;
	size_t used;
	int stopped, max_runs, problems, checks;
	uint32_t flags;
	sk_dirs dirs;
	sk_fs *fs;
} sk_walk_state;

struct sk_fs {
	TSK_FS_INFO *fs;
	TSK_RETVAL_ENUM (*dir_open_meta)(TSK_FS_INFO *, TSK_FS_DIR **, TSK_INUM_T, int);
	sk_walk_state *walk;
	sk_fs *next;
};

static sk_fs *all_fs; // open file systems; the caller holds one lock for all of libtsk

void sk_init(void)
{
	// FAT times have no zone; libtsk takes the process's. UTC is stated.
	setenv("TZ", "UTC", 1);
	tzset();
}

static void take_error(sk_err *err)
{
	const char *text = tsk_error_get();
	err->code = tsk_error_get_errno();
	if (err->code == 0)
		err->code = TSK_ERR_AUX_GENERIC;
	snprintf(err->text, sizeof err->text, "%s", text ? text : "unknown error");
	tsk_error_reset();
}

static ssize_t image_read(TSK_IMG_INFO *img, TSK_OFF_T off, char *buf, size_t len)
{
	ssize_t n = saksiTskRead(((sk_image *)img)->h, off, buf, len);
	if (n < 0) {
		tsk_error_reset();
		tsk_error_set_errno(TSK_ERR_IMG_READ);
		tsk_error_set_errstr("the container could not be read at offset %lld", (long long)off);
	}
	return n;
}

static void image_close(TSK_IMG_INFO *img) { free(img); }

static void image_stat(TSK_IMG_INFO *img, FILE *f) { (void)img; (void)f; }

sk_image *sk_open(uintptr_t h, int64_t size, uint32_t sector)
{
	sk_image *im = calloc(1, sizeof *im);
	if (!im)
		return NULL;
	im->h = h;
	if (!tsk_img_open_external(im, size, sector, image_read, image_close, image_stat)) {
		free(im);
		return NULL;
	}
	return im;
}

void sk_close(sk_image *im) { tsk_img_close(&im->img); }

int sk_volumes(sk_image *im, sk_part *out, int max, char scheme[16], int *backup, sk_err *err)
{
	tsk_error_reset();
	TSK_VS_INFO *vs = tsk_vs_open(&im->img, 0, TSK_VS_TYPE_DETECT);
	if (!vs) {
		if (tsk_error_get_errno() == 0)
			tsk_error_set_errno(TSK_ERR_VS_UNKTYPE);
		take_error(err);
		return -1;
	}
	const char *name = tsk_vs_type_toname(vs->vstype);
	snprintf(scheme, 16, "%s", name ? name : "unknown");
	*backup = vs->is_backup;
	int n = 0;
	// A list that runs in a circle ends at part_count.
	TSK_PNUM_T seen = 0;
	for (const TSK_VS_PART_INFO *p = vs->part_list; p && seen < vs->part_count; p = p->next, seen++) {
		if (n == max)
			break;
		sk_part *o = &out[n++];
		o->start = (uint64_t)p->start * vs->block_size + vs->offset;
		o->length = (uint64_t)p->len * vs->block_size;
		o->flags = p->flags;
		o->table = p->table_num;
		o->slot = p->slot_num;
		snprintf(o->desc, sizeof o->desc, "%s", p->desc ? p->desc : "");
	}
	tsk_vs_close(vs);
	return n;
}

int sk_pool(sk_image *im, int64_t offset, sk_pool_volume *out, int max, const TSK_POOL_INFO **pool, sk_err *err)
{
	tsk_error_reset();
	*pool = tsk_pool_open_img_sing(&im->img, offset, TSK_POOL_TYPE_APFS);
	if (!*pool) {
		take_error(err);
		return -1;
	}
	int n = 0;
	for (const TSK_POOL_VOLUME_INFO *v = (*pool)->vol_list; v && n < max; v = v->next) {
		out[n].block = v->block;
		out[n].encrypted = (v->flags & TSK_POOL_VOLUME_FLAG_ENCRYPTED) != 0;
		snprintf(out[n].desc, sizeof out[n].desc, "%s", v->desc ? v->desc : "");
		n++;
	}
	return n;
}

void sk_pool_close(const TSK_POOL_INFO *pool) { tsk_pool_close(pool); }

static sk_dir *dir_slot(sk_dirs *d, uint64_t inode);

static int dirs_grow(sk_dirs *d)
{
	sk_dirs bigger = {calloc(d->size ? d->size * 2 : 1024, sizeof(sk_dir)), d->size ? d->size * 2 : 1024, 0};
	if (!bigger.slots)
		return -1;
	for (size_t i = 0; i < d->size; i++)
		if (d->slots[i].used)
			*dir_slot(&bigger, d->slots[i].inode) = d->slots[i], bigger.used++;
	free(d->slots);
	*d = bigger;
	return 0;
}

// dir_slot finds the place of inode in a table that is never full.
static sk_dir *dir_slot(sk_dirs *d, uint64_t inode)
{
	size_t i = (inode * 0x9E3779B97F4A7C15ull >> 17) & (d->size - 1);
	while (d->slots[i].used && d->slots[i].inode != inode)
		i = (i + 1) & (d->size - 1);
	return &d->slots[i];
}

static sk_dir *dir_of(sk_dirs *d, uint64_t inode)
{
	if (d->used * 2 >= d->size && dirs_grow(d))
		return NULL;
	sk_dir *s = dir_slot(d, inode);
	if (!s->used) {
		s->used = 1;
		s->inode = inode;
		d->used++;
	}
	return s;
}

static void flush(sk_walk_state *w)
{
	if (w->used && !w->stopped && saksiTskBatch(w->h, w->buf, w->used))
		w->stopped = 1;
	w->used = 0;
}

static char *put(char *to, const void *from, size_t n)
{
	if (n)
		memcpy(to, from, n);
	return to + n;
}

// room gives space for a record of the given length, or NULL when it is
// longer than any real one.
static char *room(sk_walk_state *w, size_t length)
{
	if (length > RECORD_MAX)
		return NULL;
	if (w->used + length > BATCH)
		flush(w);
	char *p = w->buf + w->used;
	w->used += length;
	return p;
}

static void problem(sk_walk_state *w, uint64_t inode, uint32_t code, const char *path, const char *text)
{
	if (++w->problems > PROBLEMS_MAX)
		return;
	sk_rec r = {0};
	r.kind = SK_PROBLEM;
	r.inode = inode;
	r.size = code;
	r.path_len = strnlen(path, 4096);
	r.name_len = strnlen(text, 1024);
	r.length = (sizeof r + r.path_len + r.name_len + 7) & ~7u;
	char *p = room(w, r.length);
	if (!p)
		return;
	p = put(p, &r, sizeof r);
	p = put(p, path, r.path_len);
	put(p, text, r.name_len);
}

// open_dir stands before libtsk's reader of directories, which drops errors
// of sub-directories: they are counted here, and a directory is read a bounded
// number of times however often it is linked.
static TSK_RETVAL_ENUM open_dir(TSK_FS_INFO *fs, TSK_FS_DIR **dir, TSK_INUM_T inode, int depth)
{
	sk_fs *f = all_fs;
	while (f && f->fs != fs)
		f = f->next;
	if (!f)
		return TSK_ERR;
	sk_walk_state *w = f->walk;
	if (w) {
		sk_dir *d = dir_of(&w->dirs, inode);
		if (!d || ++d->visits > VISITS_MAX) {
			if (d && d->visits == VISITS_MAX + 1)
				problem(w, inode, TSK_ERR_FS_CORRUPT, "", "the directory is linked more than 32 times; it is not read again");
			tsk_error_reset();
			tsk_error_set_errno(TSK_ERR_FS_CORRUPT);
			tsk_error_set_errstr("directory %" PRIuINUM " is linked too often", inode);
			return TSK_ERR;
		}
	}
	TSK_RETVAL_ENUM ret = f->dir_open_meta(fs, dir, inode, depth);
	if (w && ret != TSK_OK) {
		char text[512];
		const char *why = tsk_error_get();
		snprintf(text, sizeof text, "%s", why ? why : "it is damaged");
		uint32_t code = tsk_error_get_errno();
		int live = 1;
		TSK_FS_FILE *file = tsk_fs_file_open_meta(fs, NULL, inode);
		if (file) {
			live = file->meta && (file->meta->flags & TSK_FS_META_FLAG_ALLOC);
			tsk_fs_file_close(file);
		}
		if (live)
			problem(w, inode, code, "", text);
	}
	return ret;
}

sk_fs *sk_fs_open(sk_image *im, int64_t offset, const TSK_POOL_INFO *pool, uint64_t block, sk_fs_info *info, sk_err *err)
{
	tsk_error_reset();
	TSK_IMG_INFO *img = &im->img;
	if (pool) {
		img = pool->get_img_info(pool, block);
		offset = 0;
	}
	TSK_FS_INFO *fs = img ? tsk_fs_open_img(img, offset, pool ? TSK_FS_TYPE_APFS : TSK_FS_TYPE_DETECT) : NULL;
	char head[90];
	if (!fs && !pool && tsk_img_read(img, offset, head, sizeof head) == sizeof head && !memcmp(head + 82, "FAT32   ", 8)) {
		// libtsk takes a FAT32 with few clusters for a broken FAT16 unless told.
		tsk_error_reset();
		fs = tsk_fs_open_img(img, offset, TSK_FS_TYPE_FAT32);
	}
	if (!fs) {
		take_error(err);
		return NULL;
	}
	sk_fs *f = calloc(1, sizeof *f);
	if (!f) {
		tsk_fs_close(fs);
		err->code = TSK_ERR_AUX_MALLOC;
		return NULL;
	}
	f->fs = fs;
	f->dir_open_meta = fs->dir_open_meta;
	fs->dir_open_meta = open_dir;
	f->next = all_fs;
	all_fs = f;
	const char *name = tsk_fs_type_toname(fs->ftype);
	snprintf(info->type, sizeof info->type, "%s", name ? name : "unknown");
	info->offset = fs->offset;
	info->block_size = fs->block_size;
	info->block_count = fs->block_count;
	info->blocks_there = fs->last_block_act < fs->last_block ? fs->last_block_act + 1 - fs->first_block : fs->block_count;
	info->root = fs->root_inum;
	info->first = fs->first_inum;
	info->last = fs->last_inum;
	return f;
}

void sk_fs_close(sk_fs *fs)
{
	for (sk_fs **p = &all_fs; *p; p = &(*p)->next)
		if (*p == fs) {
			*p = fs->next;
			break;
		}
	tsk_fs_close(fs->fs);
	free(fs);
}

// record_of gives the image offset of an MFT record, 0 when unknown.
static uint64_t record_of(TSK_FS_INFO *fs, uint64_t inode)
{
	if (!TSK_FS_TYPE_ISNTFS(fs->ftype))
		return 0;
	const NTFS_INFO *ntfs = (const NTFS_INFO *)fs;
	if (!ntfs->mft_data || !ntfs->mft_rsize_b)
		return 0;
	uint64_t at = inode * ntfs->mft_rsize_b, block = at / fs->block_size;
	for (const TSK_FS_ATTR_RUN *r = ntfs->mft_data->nrd.run; r; r = r->next)
		if (block >= r->offset && block < r->offset + r->len && !(r->flags & (TSK_FS_ATTR_RUN_FLAG_FILLER | TSK_FS_ATTR_RUN_FLAG_SPARSE)))
			return fs->offset + (r->addr + block - r->offset) * fs->block_size + at % fs->block_size;
	return 0;
}

static uint32_t attr_flags(const TSK_FS_ATTR *a)
{
	uint32_t f = SK_HAS_ATTR;
	if (a->flags & TSK_FS_ATTR_RES)
		f |= SK_RESIDENT;
	if (a->flags & TSK_FS_ATTR_COMP)
		f |= SK_COMPRESSED;
	if (a->flags & TSK_FS_ATTR_SPARSE)
		f |= SK_SPARSE;
	if (a->flags & TSK_FS_ATTR_ENC)
		f |= SK_ENCRYPTED;
	return f;
}

// runs_of writes up to max runs and says whether there are more.
static int runs_of(TSK_FS_INFO *fs, const TSK_FS_ATTR *a, sk_run *out, int max, int *more)
{
	int n = 0;
	*more = 0;
	if (!(a->flags & TSK_FS_ATTR_NONRES))
		return 0;
	for (const TSK_FS_ATTR_RUN *r = a->nrd.run; r; r = r->next) {
		if (r->len == 0)
			continue;
		if (n == max) {
			*more = 1;
			break;
		}
		out[n].file = r->offset * fs->block_size;
		out[n].image = fs->offset + r->addr * fs->block_size;
		out[n].length = r->len * fs->block_size;
		out[n].flags = r->flags;
		out[n++].pad = 0;
	}
	return n;
}

// blocks_of counts the blocks of deleted content and those that are in use by
// others now; it counts none where it would be too many, or can't.
static void blocks_of(sk_walk_state *w, TSK_FS_INFO *fs, const TSK_FS_ATTR *a, uint64_t *all, uint64_t *used)
{
	*all = *used = 0;
	if (!(a->flags & TSK_FS_ATTR_NONRES) || !fs->block_getflags)
		return;
	uint64_t n = 0, in_use = 0;
	for (const TSK_FS_ATTR_RUN *r = a->nrd.run; r; r = r->next) {
		if (r->flags & (TSK_FS_ATTR_RUN_FLAG_SPARSE | TSK_FS_ATTR_RUN_FLAG_FILLER))
			continue;
		for (uint64_t i = 0; i < r->len; i++, n++) {
			if (++w->checks > CHECKS_MAX || r->addr + i > fs->last_block_act)
				return;
			if (fs->block_getflags(fs, r->addr + i) & TSK_FS_BLOCK_FLAG_ALLOC)
				in_use++;
		}
	}
	*all = n;
	*used = in_use;
}

enum { RUNS_MAX = 512 };

static void entry(sk_walk_state *w, TSK_FS_FILE *f, const char *path, const TSK_FS_ATTR *a)
{
	TSK_FS_INFO *fs = f->fs_info;
	const TSK_FS_NAME *name = f->name;
	const TSK_FS_META *m = f->meta;
	sk_rec r = {0};
	sk_run runs[RUNS_MAX];
	const char *stream = "", *link = "";
	r.kind = SK_ENTRY;
	r.inode = name->meta_addr;
	r.parent = name->par_addr;
	r.name_type = name->type;
	if (name->flags & TSK_FS_NAME_FLAG_UNALLOC)
		r.flags |= SK_NAME_DELETED;
	if (m) {
		r.flags |= SK_HAS_META;
		if (m->flags & TSK_FS_META_FLAG_UNALLOC)
			r.flags |= SK_META_DELETED;
		r.size = m->size;
		r.mode = m->mode;
		r.meta_type = m->type;
		r.uid = m->uid;
		r.gid = m->gid;
		r.links = m->nlink;
		r.seq = m->seq;
		r.time[0] = m->mtime, r.nano[0] = m->mtime_nano;
		r.time[1] = m->atime, r.nano[1] = m->atime_nano;
		r.time[2] = m->ctime, r.nano[2] = m->ctime_nano;
		r.time[3] = m->crtime, r.nano[3] = m->crtime_nano;
		if (TSK_FS_TYPE_ISNTFS(fs->ftype)) {
			r.flags |= SK_NAME_TIMES;
			r.name_time[0] = m->time2.ntfs.fn_mtime, r.name_nano[0] = m->time2.ntfs.fn_mtime_nano;
			r.name_time[1] = m->time2.ntfs.fn_atime, r.name_nano[1] = m->time2.ntfs.fn_atime_nano;
			r.name_time[2] = m->time2.ntfs.fn_ctime, r.name_nano[2] = m->time2.ntfs.fn_ctime_nano;
			r.name_time[3] = m->time2.ntfs.fn_crtime, r.name_nano[3] = m->time2.ntfs.fn_crtime_nano;
		}
		if (m->link)
			link = m->link;
	}
	int n = 0, more = 0;
	if (a) {
		r.flags |= attr_flags(a);
		r.attr_type = a->type;
		r.attr_id = a->id;
		r.size = a->size;
		// Other file systems have one stream; libtsk names that of inline data.
		int streams = TSK_FS_TYPE_ISNTFS(fs->ftype) || TSK_FS_TYPE_ISHFS(fs->ftype) || fs->ftype == TSK_FS_TYPE_APFS;
		if (streams && a->name && strcmp(a->name, "$I30") && !(a->type == TSK_FS_ATTR_TYPE_HFS_DATA && !strcmp(a->name, "DATA")))
			stream = a->name;
		if (w->max_runs) {
			n = runs_of(fs, a, runs, w->max_runs < RUNS_MAX ? w->max_runs : RUNS_MAX, &more);
			if (more)
				r.flags |= SK_MORE_RUNS;
			if (a->flags & TSK_FS_ATTR_RES)
				r.record = record_of(fs, name->meta_addr);
		}
		if (m && m->flags & TSK_FS_META_FLAG_UNALLOC)
			blocks_of(w, fs, a, &r.blocks, &r.blocks_used);
	}
	r.path_len = strnlen(path, 16384);
	r.name_len = name->name ? strnlen(name->name, 4096) : 0;
	r.stream_len = strnlen(stream, 4096);
	r.link_len = strnlen(link, 16384);
	r.runs = n;
	r.length = (sizeof r + n * sizeof(sk_run) + r.path_len + r.name_len + r.stream_len + r.link_len + 7) & ~7u;
	char *p = room(w, r.length);
	if (!p)
		return;
	p = put(p, &r, sizeof r);
	p = put(p, runs, n * sizeof(sk_run));
	p = put(p, path, r.path_len);
	p = put(p, name->name, r.name_len);
	p = put(p, stream, r.stream_len);
	put(p, link, r.link_len);
}

// in_chain says whether dir is inode or lies below it.
static int in_chain(sk_walk_state *w, uint64_t dir, uint64_t inode)
{
	for (int i = 0; i < CHAIN_MAX; i++) {
		if (dir == inode)
			return 1;
		sk_dir *d = dir_slot(&w->dirs, dir);
		if (!d->used || d->parent == dir)
			return 0;
		dir = d->parent;
	}
	return 1;
}

// note_dir keeps the tree of live directories, to name a loop.
static void note_dir(sk_walk_state *w, TSK_FS_FILE *f, const char *path)
{
	sk_dir *d = dir_of(&w->dirs, f->name->meta_addr);
	if (!d)
		return;
	if (!d->listed++) {
		d->parent = f->name->par_addr;
		return;
	}
	if (in_chain(w, f->name->par_addr, f->name->meta_addr)) {
		char full[4096];
		snprintf(full, sizeof full, "%s%s", path, f->name->name);
		problem(w, f->name->meta_addr, TSK_ERR_FS_CORRUPT, full, "directory loop: it lies in itself; it is not entered again");
	}
}

static TSK_WALK_RET_ENUM visit(TSK_FS_FILE *f, const char *path, void *ptr)
{
	sk_walk_state *w = ptr;
	if (!f->name || !f->name->name)
		return w->stopped ? TSK_WALK_STOP : TSK_WALK_CONT;
	int dot = TSK_FS_ISDOT(f->name->name);
	TSK_FS_TYPE_ENUM type = f->fs_info->ftype;
	if (!dot && f->meta && TSK_FS_IS_DIR_META(f->meta->type) && (f->name->flags & TSK_FS_NAME_FLAG_ALLOC) && (f->meta->flags & TSK_FS_META_FLAG_ALLOC))
		note_dir(w, f, path);
	if ((TSK_FS_TYPE_ISNTFS(type) || TSK_FS_TYPE_ISHFS(type)) && f->meta) {
		int done = 0, n = tsk_fs_file_attr_getsize(f);
		for (int i = 0; i < n; i++) {
			const TSK_FS_ATTR *a = tsk_fs_file_attr_get_idx(f, i);
			if (!a)
				continue;
			switch (a->type) {
			case TSK_FS_ATTR_TYPE_NTFS_DATA:
				// Streams of "." and ".." are listed with the directory itself.
				if (TSK_FS_IS_DIR_META(f->meta->type) && dot && f->name->name[1])
					continue;
				break;
			case TSK_FS_ATTR_TYPE_NTFS_IDXROOT:
				if (dot) {
					done = 1;
					continue;
				}
				break;
			case TSK_FS_ATTR_TYPE_HFS_DATA:
				break;
			case TSK_FS_ATTR_TYPE_HFS_RSRC:
				if (a->size == 0)
					continue;
				break;
			default:
				continue;
			}
			done = 1;
			entry(w, f, path, a);
		}
		if (!done && !dot)
			entry(w, f, path, NULL);
		if (tsk_error_get_errno())
			tsk_error_reset();
	} else if (!dot) {
		const TSK_FS_ATTR *a = NULL;
		if (f->meta && f->meta->type == TSK_FS_META_TYPE_REG && (w->max_runs || f->meta->flags & TSK_FS_META_FLAG_UNALLOC))
			a = tsk_fs_file_attr_get(f);
		entry(w, f, path, a);
		if (tsk_error_get_errno())
			tsk_error_reset();
	}
	return w->stopped ? TSK_WALK_STOP : TSK_WALK_CONT;
}

int sk_walk(sk_fs *fs, uintptr_t h, uint32_t flags, int max_runs, sk_err *err)
{
	sk_walk_state w = {.h = h, .buf = malloc(BATCH), .flags = flags, .max_runs = max_runs, .fs = fs};
	if (!w.buf || dirs_grow(&w.dirs)) {
		free(w.buf);
		err->code = TSK_ERR_AUX_MALLOC;
		snprintf(err->text, sizeof err->text, "out of memory");
		return -1;
	}
	sk_dir *root = dir_of(&w.dirs, fs->fs->root_inum);
	root->listed = 1;
	root->parent = fs->fs->root_inum;
	int how = TSK_FS_DIR_WALK_FLAG_ALLOC | TSK_FS_DIR_WALK_FLAG_RECURSE;
	if (flags & SK_WALK_DELETED)
		how |= TSK_FS_DIR_WALK_FLAG_UNALLOC;
	if (!(flags & SK_WALK_ORPHANS))
		how |= TSK_FS_DIR_WALK_FLAG_NOORPHAN;
	tsk_error_reset();
	fs->walk = &w;
	int bad = tsk_fs_dir_walk(fs->fs, fs->fs->root_inum, how, visit, &w);
	fs->walk = NULL;
	if (bad)
		take_error(err);
	flush(&w);
	free(w.dirs.slots);
	free(w.buf);
	return bad ? -1 : w.problems;
}

int sk_lookup(sk_fs *fs, const char *path, uint64_t *inode, sk_err *err)
{
	TSK_INUM_T n = 0;
	tsk_error_reset();
	int8_t ret = tsk_fs_path2inum(fs->fs, path, &n, NULL);
	*inode = n;
	if (ret < 0)
		take_error(err);
	return ret;
}

int sk_file_open(sk_fs *fs, uint64_t inode, uint32_t type, uint32_t id, int has_id, sk_file *out, sk_err *err)
{
	memset(out, 0, sizeof *out);
	tsk_error_reset();
	TSK_FS_FILE *f = tsk_fs_file_open_meta(fs->fs, NULL, inode);
	if (!f) {
		take_error(err);
		return -1;
	}
	const TSK_FS_ATTR *a = type ? tsk_fs_file_attr_get_type(f, type, id, has_id) : tsk_fs_file_attr_get(f);
	if (!a) {
		take_error(err);
		tsk_fs_file_close(f);
		return -1;
	}
	out->file = f;
	out->attr = a;
	out->size = a->size < 0 ? 0 : a->size;
	out->flags = attr_flags(a) | SK_HAS_META;
	out->named = a->name && a->name[0];
	if (f->meta && (f->meta->flags & TSK_FS_META_FLAG_UNALLOC))
		out->flags |= SK_META_DELETED;
	return 0;
}

int sk_stream(sk_fs *fs, uint64_t inode, const char *name, uint32_t *type, uint32_t *id, sk_err *err)
{
	tsk_error_reset();
	TSK_FS_FILE *f = tsk_fs_file_open_meta(fs->fs, NULL, inode);
	if (!f) {
		take_error(err);
		return -1;
	}
	int found = 0, n = tsk_fs_file_attr_getsize(f);
	for (int i = 0; i < n && !found; i++) {
		const TSK_FS_ATTR *a = tsk_fs_file_attr_get_idx(f, i);
		if (a && a->name && !strcmp(a->name, name)) {
			found = 1;
			*type = a->type;
			*id = a->id;
		}
	}
	tsk_fs_file_close(f);
	return found;
}

int64_t sk_file_read(sk_file *f, int64_t off, char *buf, size_t n, int slack, sk_err *err)
{
	tsk_error_reset();
	ssize_t got = tsk_fs_attr_read(f->attr, off, buf, n, slack ? TSK_FS_FILE_READ_FLAG_SLACK : TSK_FS_FILE_READ_FLAG_NONE);
	if (got < 0)
		take_error(err);
	return got;
}

int sk_file_runs(sk_fs *fs, sk_file *f, sk_run *out, int max, uint64_t *record)
{
	int more;
	*record = f->attr->flags & TSK_FS_ATTR_RES && f->file->meta ? record_of(fs->fs, f->file->meta->addr) : 0;
	return runs_of(fs->fs, f->attr, out, max, &more);
}

void sk_file_close(sk_file *f) { tsk_fs_file_close(f->file); }

typedef struct {
	TSK_FS_INFO *fs;
	uint64_t *pairs, count, room, max;
	int more, failed;
} sk_free_state;

static TSK_WALK_RET_ENUM free_block(const TSK_FS_BLOCK *b, void *ptr)
{
	sk_free_state *s = ptr;
	uint64_t at = s->fs->offset + b->addr * s->fs->block_size;
	if (s->count && s->pairs[2 * s->count - 2] + s->pairs[2 * s->count - 1] == at) {
		s->pairs[2 * s->count - 1] += s->fs->block_size;
		return TSK_WALK_CONT;
	}
	if (s->count == s->max) {
		s->more = 1;
		return TSK_WALK_STOP;
	}
	if (s->count == s->room) {
		uint64_t room = s->room ? 2 * s->room : 1024;
		uint64_t *p = realloc(s->pairs, room * 2 * sizeof *p);
		if (!p) {
			s->failed = 1;
			return TSK_WALK_STOP;
		}
		s->pairs = p;
		s->room = room;
	}
	s->pairs[2 * s->count] = at;
	s->pairs[2 * s->count + 1] = s->fs->block_size;
	s->count++;
	return TSK_WALK_CONT;
}

int64_t sk_free(sk_fs *fs, uint64_t **pairs, uint64_t max, int *more, sk_err *err)
{
	sk_free_state s = {.fs = fs->fs, .max = max};
	tsk_error_reset();
	uint8_t bad = tsk_fs_block_walk(fs->fs, fs->fs->first_block, fs->fs->last_block_act,
	    TSK_FS_BLOCK_WALK_FLAG_UNALLOC | TSK_FS_BLOCK_WALK_FLAG_META | TSK_FS_BLOCK_WALK_FLAG_CONT | TSK_FS_BLOCK_WALK_FLAG_AONLY, free_block, &s);
	if (bad || s.failed) {
		take_error(err);
		free(s.pairs);
		*pairs = NULL;
		return -1;
	}
	*pairs = s.pairs;
	*more = s.more;
	return s.count;
}
