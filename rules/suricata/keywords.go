package suricata

import (
	"fmt"
	"strconv"
	"strings"

	"saksi/rules"
)

// keywordFunc understands one option of a rule.
type keywordFunc func(b *builder, o *option) *fault

// keyword is one row of the table: its function, and whether a value belongs
// to it (+1 must, -1 must not, 0 may).
type keyword struct {
	f   keywordFunc
	val int
}

// keywords are the options Saksi honors (Suricata user guide, "Suricata
// Rules"). Sticky buffers, content modifiers and transformations are added
// from their own tables.
var keywords map[string]keyword

// keywordAliases are other names of keywords.
var keywordAliases = map[string]string{
	"dnp3.func": "dnp3_func", "dnp3.ind": "dnp3_ind", "dnp3.obj": "dnp3_obj", "dnp3.data": "dnp3_data", "krb5.cname": "krb5_cname",
	"krb5.sname": "krb5_sname", "krb5.msg_type": "krb5_msg_type", "krb5.err_code": "krb5_err_code", "nfs.version": "nfs_version",
	"nfs.procedure": "nfs_procedure", "enip.command": "enip_command", "file.size": "filesize", "file.md5": "filemd5",
	"file.sha1": "filesha1", "file.sha256": "filesha256",
}

func init() {
	m := map[string]keyword{
		"msg": {kwMsg, 1}, "sid": {kwSID, 1}, "gid": {kwSID, 1}, "rev": {kwSID, 1}, "classtype": {kwClasstype, 1},
		"priority": {kwPriority, 1}, "reference": {kwReference, 1}, "metadata": {kwMetadata, 1},
		"target": {kwTarget, 1}, "noalert": {kwNoalert, -1}, "requires": {kwRequires, 1},
		"content": {kwContent, 1}, "uricontent": {kwURIContent, 1}, "nocase": {kwNocase, -1}, "depth": {kwDepth, 1}, "offset": {kwOffset, 1},
		"distance": {kwDistance, 1}, "within": {kwWithin, 1}, "fast_pattern": {kwFastPattern, 0},
		"startswith": {kwStartsWith, -1}, "endswith": {kwEndsWith, -1}, "rawbytes": {kwRawBytes, -1},
		"pcre": {kwPCRE, 1}, "isdataat": {kwIsDataAt, 1}, "bsize": {kwBsize, 1}, "absent": {kwAbsent, 0},
		"urilen": {kwURILen, 1}, "byte_test": {kwByteTest, 1}, "byte_jump": {kwByteJump, 1},
		"byte_extract": {kwByteExtract, 1}, "byte_math": {kwByteMath, 1}, "base64_decode": {kwBase64Decode, 0}, "base64_data": {kwBase64Data, -1},
		"flow": {kwFlow, 1}, "flowbits": {kwFlowbits, 1}, "flowint": {kwFlowint, 1},
		"xbits": {kwXbits, 1}, "hostbits": {kwHostbits, 1}, "threshold": {kwThreshold, 1}, "detection_filter": {kwThreshold, 1},
		"flags": {kwFlags, 1}, "tcp.flags": {kwFlags, 1}, "fragbits": {kwFragBits, 1}, "ip_proto": {kwIPProto, 1}, "sameip": {kwSameIP, -1},
		"app-layer-protocol": {kwAppProto, 1}, "stream_size": {kwStreamSize, 1},
		"tls.version": {kwTLSVersion, 1}, "tls.subject": {kwTLSText, 1}, "tls.issuerdn": {kwTLSText, 1},
		"tls.fingerprint": {kwTLSText, 1}, "filename": {kwFileName, 1}, "fileext": {kwFileName, 1},
		"prefilter": {kwPrefilter, -1}, "filestore": {kwFilestore, 0}, "ftpdata_command": {kwFTPData, 1},
		"dcerpc.iface": {kwInterface, 1}, "dce_iface": {kwInterface, 1}, "dcerpc.opnum": {kwOpnum, 1}, "dce_opnum": {kwOpnum, 1}, "decode-event": {kwDecodeEvent, 1},
		"vlan.id": {kwVLANID, 1}, "vlan.layers": {kwVLANLayers, 1}, "app-layer-event": {kwAppEvent, 1},
		"dataset": {kwDataset, 1}, "datarep": {kwDatarep, 1}, "iprep": {kwIPRep, 1}, "entropy": {kwEntropy, 1}, "stream-event": {kwStreamEvent, 1}, "frame": {kwFrame, 1},
		"flow.age": {kwFlowAge, 1}, "flow.pkts": {kwFlowCount, 1}, "flow.pkts_toserver": {kwFlowCount, 1}, "flow.pkts_toclient": {kwFlowCount, 1},
		"flow.bytes": {kwFlowCount, 1}, "flow.bytes_toserver": {kwFlowCount, 1}, "flow.bytes_toclient": {kwFlowCount, 1},
		"modbus": {kwModbus, 1}, "cip_service": {kwCIPService, 1}, "dnp3_ind": {kwDNP3Ind, 1}, "dnp3_obj": {kwDNP3Object, 1},
		"krb5_err_code": {kwSigned, 1}, "krb5.ticket_encryption": {kwSigned, 1}, "http2.settings": {kwSetting, 1}, "ssl_version": {kwSSLVersion, 1},
		"ssl_state": {kwSSLState, 1}, "tls_cert_notbefore": {kwCertTime, 1}, "tls_cert_notafter": {kwCertTime, 1}, "tls_cert_expired": {kwCertValid, -1},
		"tls_cert_valid": {kwCertValid, -1}, "ike.chosen_sa_attribute": {kwIKEAttribute, 1}, "ssh.protoversion": {kwProtoVersion, 1},
		"ssh.softwareversion": {kwSSHSoftware, 1}, "nfs_procedure": {kwProcedure, 1}, "ipopts": {kwIPOption, 1}, "rpc": {kwRPC, 1}, "tag": {kwTag, 1},
		"bypass": {kwBypass, -1}, "tls.store": {kwTLSStore, -1}, "tls_store": {kwTLSStore, -1}, "engine-event": {kwEngineEvent, 1},
		"filemd5": {kwFileDigest, 1}, "filesha1": {kwFileDigest, 1}, "filesha256": {kwFileDigest, 1}, "alert": {kwAlert, -1},
		"flowvar": {kwVariable, 1}, "pktvar": {kwVariable, 1}, "replace": {kwReplace, 1}, "ftpbounce": {kwFTPBounce, -1},
		"asn1": {kwASN1, 1}, "geoip": {kwGeoIP, 1}, "l3_proto": {kwL3Proto, 1}, "nfq_set_mark": {kwMark, 1},
		"flow.elephant": {kwElephant, 1}, "filemagic": {kwFileMagic, 1}, "file.magic": {kwFileMagicBuffer, -1},
	}
	for k := range checksumKeywords {
		m[k] = keyword{kwChecksum, 1}
	}
	for k := range uintKeywords {
		m[k] = keyword{kwUint, 1}
	}
	for k := range headerBuffers {
		m[k] = keyword{kwHeader, -1}
	}
	for k := range numberKeywords {
		if m[k].f == nil {
			m[k] = keyword{kwNumber, 1}
		}
	}
	for k := range sticky {
		m[k] = keyword{kwSticky, -1}
	}
	m["ike.vendor"] = keyword{kwVendor, 0}
	for k := range modifiers {
		m[k] = keyword{kwModifier, -1}
	}
	for k, op := range transformKeywords {
		switch op {
		case trXOR, trPCRE, trSubslice:
			m[k] = keyword{kwTransform, 1}
		case trFromBase64, trGunzip, trZlib:
			m[k] = keyword{kwTransform, 0}
		default:
			m[k] = keyword{kwTransform, -1}
		}
	}
	keywords = m
}

func kwMsg(b *builder, o *option) *fault {
	f, _, err := o.quoted()
	if err != nil {
		return err
	}
	b.r.Msg = unescape(f.s)
	return nil
}

// unescape takes the backslash off what had to be escaped in a text.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\;`, `;`, `\"`, `"`, `\\`, `\`, `\:`, `:`).Replace(s)
}

func kwSID(b *builder, o *option) *fault {
	s := strings.Trim(o.val.s, `"`)
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 && o.key.s == "sid" {
		return wrong(o.val.off, fmt.Sprintf("%q is no %s", s, o.key.s), "a number from 1 to 4294967295")
	}
	switch o.key.s {
	case "sid":
		b.r.SID = int64(n)
	case "gid":
		b.r.GID = int64(n)
	default:
		b.r.Rev = int64(n)
	}
	return nil
}

func kwClasstype(b *builder, o *option) *fault {
	b.r.Classtype = o.val.s
	if p, ok := classPriority[o.val.s]; ok && b.r.Priority == 0 {
		b.classPriority = p
	}
	return nil
}

func kwPriority(b *builder, o *option) *fault {
	n, err := strconv.Atoi(strings.Trim(o.val.s, `"`))
	if err != nil || n < 1 || n > 255 {
		return wrong(o.val.off, "not a priority", "1 (most severe) to 255")
	}
	b.r.Priority = n
	return nil
}

func kwReference(b *builder, o *option) *fault {
	kind, id, ok := strings.Cut(o.val.s, ",")
	if !ok {
		return wrong(o.val.off, "a reference without its kind", "kind,value such as url,example.com/page")
	}
	id = unescape(strings.TrimSpace(id))
	if prefix, ok := referencePrefix[strings.TrimSpace(kind)]; ok {
		id = prefix + id
	}
	b.r.References = append(b.r.References, id)
	return nil
}

// referencePrefix completes references (reference.config of Suricata).
var referencePrefix = map[string]string{
	"url": "http://", "cve": "https://cve.mitre.org/cgi-bin/cvename.cgi?name=", "md5": "https://www.virustotal.com/gui/file/",
}

// techniqueKeys are the metadata keys under which ET and others name techniques.
var techniqueKeys = map[string]bool{"mitre_technique_id": true, "mitre_attack": true, "attack_technique": true}

func kwMetadata(b *builder, o *option) *fault {
	for _, p := range o.val.list() {
		k, v, _ := strings.Cut(p.s, " ")
		v = strings.TrimSpace(v)
		b.r.Metadata = append(b.r.Metadata, [2]string{k, v})
		switch {
		case techniqueKeys[k]:
			b.r.Techniques = rules.AddTechnique(b.r.Techniques, v)
		case k == "signature_severity":
			if s, ok := rules.SeverityByName(v); ok {
				b.r.Severity = s
			}
		}
	}
	return nil
}

func kwTarget(b *builder, o *option) *fault {
	if o.val.s != "src_ip" && o.val.s != "dest_ip" {
		return wrong(o.val.off, fmt.Sprintf("unknown target %q", o.val.s), "src_ip or dest_ip")
	}
	return nil
}

func kwNoalert(b *builder, _ *option) *fault {
	b.r.noalert = true
	return nil
}

// kwPrefilter only says how to look for the rule, never what matches.
func kwPrefilter(*builder, *option) *fault { return nil }

// kwFilestore asks for the file to be kept that is carried as the rule matches.
func kwFilestore(b *builder, _ *option) *fault {
	b.r.Filestore = true
	return nil
}

// kwMark takes nfq_set_mark, which marks packets for a firewall: nothing here does.
func kwMark(*builder, *option) *fault { return nil }

// kwTLSStore changes nothing: what is known of a certificate is in its event.
func kwTLSStore(*builder, *option) *fault { return nil }

// kwFTPData takes ftpdata_command:stor or retr.
func kwFTPData(b *builder, o *option) *fault {
	v := strings.ToUpper(o.val.s)
	if v != "STOR" && v != "RETR" {
		return wrong(o.val.off, fmt.Sprintf("unknown command %q", o.val.s), "stor or retr")
	}
	b.whole(BufFTPDataCommand, v, false, false, o)
	return nil
}

// suricataVersion is the version whose manual the keywords follow.
var suricataVersion = [3]int{8, 0, 0}

// kwRequires takes requires: feature F, keyword K, version >= X.Y.Z | < ...
func kwRequires(b *builder, o *option) *fault {
	for _, p := range o.val.list() {
		w := p.words()
		if len(w) < 2 {
			return wrong(p.off, fmt.Sprintf("%q is no requirement", p.s), "version, keyword or feature with a value")
		}
		switch w[0].s {
		case "keyword":
			if _, ok := keywords[w[1].s]; !ok && keywordAliases[w[1].s] == "" {
				return passedOver(p.off, "a required keyword that Saksi lacks")
			}
		case "version":
			ok, err := versionHolds(field{p.s[len("version"):], p.off + len("version")})
			if err != nil {
				return err
			}
			if !ok {
				return passedOver(p.off, "a required version that is another one")
			}
		default:
			return passedOver(p.off, "a required feature that Saksi lacks")
		}
	}
	return nil
}

// passedOver is the fault of a rule that asks by itself not to be run.
func passedOver(off int, what string) *fault {
	err := refused(off, what)
	err.skipped = true
	return err
}

func versionHolds(f field) (bool, *fault) {
	for alt := range strings.SplitSeq(f.s, "|") {
		w := strings.Fields(alt)
		holds := len(w) > 0
		for i := 0; i < len(w); i++ {
			op := strings.TrimRight(w[i], "0123456789.")
			ver := w[i][len(op):]
			if ver == "" && i+1 < len(w) {
				i++
				ver = w[i]
			}
			var v [3]int
			for j, s := range strings.SplitN(ver, ".", 3) {
				n, err := strconv.Atoi(s)
				if err != nil {
					return false, wrong(f.off, fmt.Sprintf("%q is no version", ver), "a version such as 8.0.0")
				}
				v[j] = n
			}
			c := 0
			for j := range v {
				if c == 0 && suricataVersion[j] != v[j] {
					c = 1
					if suricataVersion[j] < v[j] {
						c = -1
					}
				}
			}
			switch op {
			case ">=":
				holds = holds && c >= 0
			case ">":
				holds = holds && c > 0
			case "<=":
				holds = holds && c <= 0
			case "<":
				holds = holds && c < 0
			default:
				return false, wrong(f.off, fmt.Sprintf("unknown comparison %q", op), ">=, >, <= or <")
			}
		}
		if holds {
			return true, nil
		}
	}
	return false, nil
}

func kwSticky(b *builder, o *option) *fault {
	buf := sticky[o.key.s]
	b.dropCurrent()
	b.last, b.prev = nil, nil
	if buf == BufPayload {
		b.cur, b.sticky = b.r.payload, false
		return nil
	}
	b.cur, b.sticky = b.listFor(buf, nil), true
	return nil
}

func kwModifier(b *builder, o *option) *fault {
	if _, err := b.lastContent(o); err != nil {
		return err
	}
	return b.moveLast(modifiers[o.key.s], o)
}

func kwBase64Data(b *builder, o *option) *fault {
	if !b.hasBase64() {
		return wrong(o.key.off, "base64_data without base64_decode", "base64_decode before it")
	}
	if b.r.base64 == nil {
		b.r.base64 = &list{view: -1}
	}
	b.cur, b.sticky, b.last, b.prev = b.r.base64, true, nil, nil
	return nil
}

func kwTLSVersion(b *builder, o *option) *fault {
	f, neg, err := o.quoted()
	if err != nil {
		return err
	}
	b.whole(BufTLSVersion, f.s, neg, false, o)
	return nil
}

// kwTLSText takes tls.subject, tls.issuerdn and tls.fingerprint with a value.
func kwTLSText(b *builder, o *option) *fault {
	f, neg, err := o.quoted()
	if err != nil {
		return err
	}
	buf := map[string]Buffer{"tls.subject": BufTLSCertSubject, "tls.issuerdn": BufTLSCertIssuer, "tls.fingerprint": BufTLSCertFingerprint}[o.key.s]
	pat, err := parseContent(f)
	if err != nil {
		return err
	}
	if buf == BufTLSCertFingerprint {
		b.whole(buf, strings.ToLower(string(pat)), neg, false, o)
		return nil
	}
	l := b.listFor(buf, nil)
	l.items = append(l.items, item{kind: itContent, pat: pat, neg: neg, at: o.val.off})
	return nil
}

// kwFileName takes filename (anywhere in the name) and fileext (its end).
func kwFileName(b *builder, o *option) *fault {
	f, neg, err := o.quoted()
	if err != nil {
		return err
	}
	pat, err := parseContent(f)
	if err != nil {
		return err
	}
	it := item{kind: itContent, pat: []byte(strings.ToLower(string(pat))), neg: neg, nocase: true, at: o.val.off}
	if o.key.s == "fileext" {
		it.pat = append([]byte("."), it.pat...)
		it.endswith = true
	}
	l := b.listFor(BufFileName, nil)
	l.items = append(l.items, it)
	return nil
}
