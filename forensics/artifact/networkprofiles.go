package artifact

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"saksi/event"
)

// Networks that a machine was told to join: profiles of NetworkManager and of the WLAN
// service of Windows. Keys and passwords in them are withheld.

func init() {
	register(Format{
		Name:      "network-manager",
		Doc:       "connection profiles of NetworkManager: Wi-Fi, VPN, wired and mobile networks with name, SSID, addresses, name servers and when each was last up; keys and passwords are withheld",
		Reference: "nm-settings-keyfile(5)",
		Detect: func(head []byte) bool {
			return nmHead.Match(head) && (bytes.Contains(head, []byte("\nuuid=")) || bytes.Contains(head, []byte("\ntype=")))
		},
		Parse:   parseNetworkManager,
		Event:   eventNetworkProfile("linux"),
		Samples: []string{"sample.nmconnection"},
		Hostile: []string{"sample.nmconnection cut=103", "sample.nmconnection @161=20", "sample.nmconnection @108=ff"},
	})
	register(Format{
		Name:      "wlan-profile",
		Doc:       "profiles of the WLAN service of Windows (Wlansvc/Profiles, netsh wlan export): name, SSID, authentication, encryption, whether it is joined by itself; key material is withheld",
		Reference: "Microsoft Learn, WLAN_profile Schema",
		Detect: func(head []byte) bool {
			return bytes.Contains(head, []byte("<WLANProfile")) || bytes.Contains(head, utf16LE("<WLANProfile"))
		},
		Parse:   parseWLANProfile,
		Event:   eventNetworkProfile("windows"),
		Samples: []string{"sample.wlan.xml"},
		Hostile: []string{"sample.wlan.xml cut=300", "sample.wlan.xml @200=3c3c3c"},
	})
}

// nmHead is how a keyfile begins, behind comments.
var nmHead = regexp.MustCompile(`^(?:\s*(?:#[^\n]*)?\n)*\[(?:connection|ipv4|ipv6|wifi|802-11-wireless|ethernet)\]\s*\n`)

func utf16LE(s string) []byte {
	var b []byte
	for _, c := range utf16.Encode([]rune(s)) {
		b = append(b, byte(c), byte(c>>8))
	}
	return b
}

func eventNetworkProfile(os string) func(r *Record, e *event.Event) {
	return func(r *Record, e *event.Event) {
		e.Str(event.EventModule, os)
		e.Str(event.HostOSType, os)
		e.Str(event.EventCategory, "network")
		e.Str(event.EventType, "info")
		e.Str(event.EventAction, "network-profile")
		e.Str(event.NetworkName, firstOf(r.Get("ssid"), r.Get("name")))
		e.Str(event.NetworkType, r.Get("type"))
		e.Str(event.Message, strings.TrimSpace("network profile "+r.Get("type")+" "+firstOf(r.Get("ssid"), r.Get("name"))))
		putData(r, e)
	}
}

// withheld stands for a secret.
const withheld = "(withheld)"

// networkSecret is a setting whose value is a secret.
var networkSecret = regexp.MustCompile(`(?i)(?:psk|password|passwd|secret|leap-password|wep-key\d?|private-key|preshared-key|pin|key-material|keymaterial|passphrase|token|cookie|gwcert|otp)\d*$`)

// maxProfile bounds a profile, in bytes, and its settings.
const (
	maxProfile  = 1 << 20
	maxSettings = 256
)

func parseNetworkManager(in Input, emit func(*Record) error, problem func(Problem)) error {
	if in.Size > maxProfile {
		return fmt.Errorf("reading the network profile: the file has %d bytes; more than %d are not read", in.Size, maxProfile)
	}
	r := record("profile", 0)
	section, left := "", 0
	names := map[string]string{
		"connection.id": "name", "connection.type": "type", "connection.uuid": "uuid", "connection.interface-name": "interface",
		"wifi.ssid": "ssid", "802-11-wireless.ssid": "ssid", "wifi.mac-address": "mac", "802-11-wireless.mac-address": "mac",
	}
	err := eachLine(in, func(off int64, line string) error {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			return nil
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
			return nil
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			problem(Problem{off, fmt.Sprintf("a line that is no setting: %.40q", line)})
			return nil
		}
		if len(r.Fields) >= maxSettings {
			left++
			return nil
		}
		path := section + "." + strings.TrimSpace(name)
		value = strings.TrimSpace(value)
		if path == "connection.timestamp" {
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 || n > 1<<33 {
				problem(Problem{off, fmt.Sprintf("the time %.40q is none", value)})
				return nil
			}
			if n > 0 {
				r.Time = nanos(time.Unix(n, 0))
				r.add("last_up", timeField(r.Time))
			}
			return nil
		}
		if strings.HasPrefix(path, "vpn-secrets.") || strings.HasSuffix(path, "-secrets") || networkSecret.MatchString(path) {
			value = withheld
		}
		if n, ok := names[path]; ok {
			if n == "ssid" {
				value = ssidText(value)
			}
			path = n
		}
		r.add(path, masked(value))
		return nil
	}, problem)
	if err != nil {
		return err
	}
	if left > 0 {
		problem(Problem{0, fmt.Sprintf("more than %d settings: %d are not told", maxSettings, left)})
	}
	return emit(r)
}

// ssidText gives a name that is written as a list of bytes ("97;98;") as text.
func ssidText(s string) string {
	if !strings.HasSuffix(s, ";") {
		return s
	}
	var b []byte
	for _, x := range strings.Split(strings.TrimSuffix(s, ";"), ";") {
		n, err := strconv.ParseUint(x, 10, 8)
		if err != nil {
			return s
		}
		b = append(b, byte(n))
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

func parseWLANProfile(in Input, emit func(*Record) error, problem func(Problem)) error {
	if in.Size > maxProfile {
		return fmt.Errorf("reading the network profile: the file has %d bytes; more than %d are not read", in.Size, maxProfile)
	}
	b := make([]byte, in.Size)
	if n, err := in.ReadAt(b, 0); n < len(b) {
		return fmt.Errorf("reading the network profile at offset %d: %w", n, err)
	}
	if len(b) > 2 && (b[0] == 0xff && b[1] == 0xfe || b[1] == 0) {
		b = []byte(decodeUTF16(b))
		b = bytes.Replace(b, []byte(`encoding="UTF-16"`), nil, 1)
	}
	r := record("profile", 0)
	r.add("type", "wlan")
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))))
	var path []string
	names := map[string]string{
		"WLANProfile/name": "name", "WLANProfile/SSIDConfig/SSID/name": "ssid", "WLANProfile/connectionMode": "mode", "WLANProfile/SSIDConfig/nonBroadcast": "hidden",
		"WLANProfile/MSM/security/authEncryption/authentication": "authentication", "WLANProfile/MSM/security/authEncryption/encryption": "encryption",
	}
	for len(r.Fields) < maxSettings {
		off := d.InputOffset()
		t, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			problem(Problem{off, "the profile goes no further: " + err.Error()})
			break
		}
		switch t := t.(type) {
		case xml.StartElement:
			if path = append(path, t.Name.Local); len(path) > 64 {
				return fmt.Errorf("reading the network profile at offset %d: elements are nested deeper than 64", off)
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			value := strings.TrimSpace(string(t))
			if value == "" || len(path) == 0 {
				continue
			}
			name := strings.Join(path, "/")
			if networkSecret.MatchString(path[len(path)-1]) {
				value = withheld
			}
			r.add(firstOf(names[name], strings.TrimPrefix(name, "WLANProfile/")), value)
		}
	}
	return emit(r)
}

// decodeUTF16 gives text of UTF-16, little endian, with or without its mark.
func decodeUTF16(b []byte) string { return strings.TrimPrefix(utf16All(b), "\ufeff") }
