package asset

import (
	"strings"

	"saksi/event"
)

// Dataset is the event.dataset of assets.
const Dataset = "saksi.asset"

// Describe adds what is known of the host to an event.
func (a *Asset) Describe(e *event.Event) {
	e.Time(event.Timestamp, a.Last)
	e.Str(event.EventKind, "state")
	e.Str(event.EventDataset, Dataset)
	e.Str(event.EventCategory, "host")
	e.Str(event.EventType, "info")
	e.Time(event.EventStart, a.First)
	e.Time(event.EventEnd, a.Last)
	for _, n := range a.Packets {
		e.Int(event.SaksiEvidencePacket, int64(n))
	}
	e.Str(event.SaksiAssetID, a.ID)
	e.Str(event.HostID, a.ID)
	for _, x := range a.Addrs {
		e.Addr(event.HostIP, x)
		e.Addr(event.RelatedIP, x)
	}
	strs(e, event.HostMAC, a.MACs)
	for _, v := range a.Vendors {
		e.Str(event.SaksiAssetVendor, v)
	}
	e.Str(event.HostName, a.Name)
	strs(e, event.SaksiAssetName, a.Names)
	strs(e, event.RelatedHosts, a.Names)
	e.Str(event.SaksiAssetDomain, a.Domain)
	if s := &a.System; s.Name != "" {
		e.Str(event.HostOSName, s.Name)
		e.Str(event.HostOSVersion, s.Version)
		e.Str(event.HostOSFull, s.String())
		e.Str(event.HostOSType, s.Type)
		e.Str(event.SaksiAssetSystemConfidence, s.Confidence)
		strs(e, event.SaksiAssetSystemWhy, s.Why)
	}
	strs(e, event.SaksiAssetRole, a.Roles)
	strs(e, event.SaksiAssetService, a.Services)
	strs(e, event.SaksiAssetSoftware, a.Software)
	for i, d := range a.Devices {
		e.Str(event.SaksiAssetDevice, d.String())
		if i == 0 {
			e.Str(event.DeviceManufacturer, d.Vendor)
			e.Str(event.DeviceModelName, d.Product)
			e.Str(event.DeviceModelIdentifier, d.Model)
			e.Str(event.DeviceSerialNumber, d.Serial)
			e.Str(event.ServiceVersion, d.Version)
		}
	}
	strs(e, event.SaksiAssetUnit, a.Units)
	strs(e, event.SaksiAssetCertificate, a.Certs)
	strs(e, event.RelatedHash, a.Certs)
	strs(e, event.SaksiAssetFingerprint, a.Prints)
	e.Int(event.SaksiAssetFlows, int64(a.Flows))
	e.Int(event.HostNetworkEgressBytes, int64(a.Sent))
	e.Int(event.HostNetworkEgressPackets, int64(a.PacketsSent))
	e.Int(event.HostNetworkIngressBytes, int64(a.Received))
	e.Int(event.HostNetworkIngressPackets, int64(a.PacketsGot))
	strs(e, event.SaksiAssetWhy, a.Why)
	if a.Cut {
		e.Str(event.SaksiIncomplete, "facts")
	}
}

func strs(e *event.Event, f event.Field, list []string) {
	for _, s := range list {
		e.Str(f, s)
	}
}

// String is name and version.
func (o *Opinion) String() string { return strings.TrimSpace(o.Name + " " + o.Version) }

// String is what the device says, with spaces between.
func (d Hardware) String() string {
	var parts []string
	for _, s := range [...]string{d.Vendor, d.Product, d.Model, d.Serial, d.Version} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}
