package proto

// Compounds of NFS 4 (RFC 7530 section 16, RFC 8881 section 18): a tag, the minor
// version, a count, and operations of a number and their arguments. The reader
// goes on as long as it knows the arguments' form.

import "encoding/hex"

// nfsStatus are the results of all versions.
var nfsStatus = map[int]string{
	1: "PERM", 2: "NOENT", 5: "IO", 6: "NXIO", 13: "ACCES", 17: "EXIST", 18: "XDEV", 19: "NODEV", 20: "NOTDIR", 21: "ISDIR",
	22: "INVAL", 27: "FBIG", 28: "NOSPC", 30: "ROFS", 31: "MLINK", 63: "NAMETOOLONG", 66: "NOTEMPTY", 69: "DQUOT", 70: "STALE",
	10001: "BADHANDLE", 10004: "NOTSUPP", 10006: "SERVERFAULT", 10008: "DELAY", 10016: "WRONGSEC", 10022: "STALE_CLIENTID",
}

var nfs4Names = map[int]string{
	3: "access", 4: "close", 5: "commit", 6: "create", 9: "getattr", 11: "link", 15: "lookup", 16: "lookupp", 18: "open",
	25: "read", 26: "readdir", 27: "readlink", 28: "remove", 29: "rename", 34: "setattr", 38: "write", 42: "exchange-id",
	43: "create-session", 44: "destroy-session", 57: "destroy-clientid", 58: "reclaim-complete",
}

// nfs4Minor are the operations that others of the same compound outweigh.
var nfs4Minor = map[string]bool{"getattr": true, "lookup": true, "access": true}

// nfs4 names a call after the first operation that does something, and takes
// handle, names and sizes on the way.
func nfs4(k *rpcCall, w *wire) {
	w.opaque(1024)
	w.u32()
	for n := min(int(w.u32()), maxNFSOps); n > 0 && !w.short; n-- {
		op := int(w.u32())
		if w.short {
			return
		}
		if name := nfs4Names[op]; name != "" && (k.action == "compound" || name != "getattr" && nfs4Minor[k.action]) {
			k.action = name
		}
		if op == nfs4Create || op == nfs4Remove {
			k.made = op
		}
		if !nfs4Op(k, op, w) {
			return
		}
	}
}

// nfs4Op reads the arguments of an operation and reports whether it could.
func nfs4Op(k *rpcCall, op int, w *wire) bool {
	switch op {
	case 10, 16, 24, 27, 31, 32: // getfh, lookupp, putrootfh, readlink, restorefh, savefh
	case 3:
		w.take(4)
	case 4:
		w.take(20)
		k.closes = true
	case 9:
		w.take(4 * min(int(w.u32()), 8))
	case 11, 15, 28: // link, lookup, remove: a name
		v := printable(w.opaque(255))
		if op == 11 {
			k.newName = v
		} else {
			k.name = v
		}
	case 18:
		return nfs4Open(k, w)
	case 22:
		k.handle = hex.EncodeToString(w.opaque(128))
	case 5: // commit: offset, count
		w.take(12)
		k.closes = true
	case 6: // create: kind with what a link or a device has; name
		switch w.u32() {
		case 5:
			w.opaque(1024)
		case 3, 4:
			w.take(8)
		}
		if v := printable(w.opaque(255)); !w.short {
			k.name = v
		}
		return false
	case 25: // 16 offset
		w.take(16)
		k.data.offset = w.u64()
		k.bytes = int64(w.u32())
	case 29:
		k.name, k.newName = printable(w.opaque(255)), printable(w.opaque(255))
	case 38: // 16 offset, how stable
		w.take(16)
		k.data.offset = w.u64()
		k.data.stable = w.u32() == fileSync
		n := w.u32()
		k.bytes = int64(n)
		k.data.take(w, n)
		return false
	case 53: // sequence
		w.take(32)
	default:
		return false
	}
	return !w.short
}

// nfs4Open reads the name that is opened (RFC 7530 section 16.16).
func nfs4Open(k *rpcCall, w *wire) bool {
	w.take(20)
	w.opaque(1024)
	if w.u32() == 1 { // create: unchecked and guarded have attributes, exclusive a verifier
		k.action = "open-create"
		mode := w.u32()
		if mode >= 2 {
			w.take(8)
		}
		if mode != 2 {
			w.take(4 * min(int(w.u32()), 8))
			w.opaque(4096)
		}
	}
	if w.u32() != 0 { // claimed otherwise than by name
		return false
	}
	if v := printable(w.opaque(255)); !w.short {
		k.name = v
	}
	return !w.short
}
