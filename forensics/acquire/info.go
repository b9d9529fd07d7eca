package acquire

// Kinds of sources.
const (
	KindDevice = "block device"
	KindFile   = "file"
	KindStream = "stream"
)

// Range is a stretch of the source, in bytes.
type Range struct {
	Offset int64 `json:"offset"`
	Bytes  int64 `json:"bytes"`
}

// Info is what is known of a source. What the machine does not tell is empty,
// or says that it was not told.
type Info struct {
	Path           string     `json:"path"`
	Kind           string     `json:"kind"`
	Bytes          int64      `json:"bytes"` // -1: a stream
	LogicalSector  int        `json:"logical_sector"`
	PhysicalSector int        `json:"physical_sector,omitempty"`
	Partition      bool       `json:"partition,omitempty"` // of a device, not all of it
	Vendor         string     `json:"vendor,omitempty"`
	Model          string     `json:"model,omitempty"`
	Serial         string     `json:"serial,omitempty"`
	Firmware       string     `json:"firmware,omitempty"`
	WWN            string     `json:"wwn,omitempty"`
	Transport      string     `json:"transport,omitempty"`
	Removable      bool       `json:"removable,omitempty"`
	BackingFile    string     `json:"backing_file,omitempty"` // of a loop device
	Modified       string     `json:"modified,omitempty"`     // of a file
	Protection     Protection `json:"protection"`
	HPA            string     `json:"host_protected_area,omitempty"`
	DCO            string     `json:"device_configuration_overlay,omitempty"`
	TRIM           string     `json:"trim,omitempty"`
}

// Protection is why nothing was written to the source, and how that is known.
type Protection struct {
	Opened     string   `json:"opened"`                // how this program opened it
	DeviceFlag string   `json:"device_flag,omitempty"` // BLKROGET: read-only or read-write
	Mounted    []string `json:"mounted,omitempty"`     // from /proc/self/mountinfo
	Swap       []string `json:"swap,omitempty"`        // from /proc/swaps
	Holders    []string `json:"holders,omitempty"`     // what lies on it (dm, md), from sysfs
	Blocker    string   `json:"write_blocker,omitempty"`
	// Writes are the writes to the device while it was read, as the kernel
	// counts them; nil where it does not.
	Writes *int64 `json:"writes_meanwhile,omitempty"`
}
