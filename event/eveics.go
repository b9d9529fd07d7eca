package event

import (
	"strings"
)

// eveSMBDialects are the dialects by our names.
var eveSMBDialects = map[string]string{"2.0.2": "2.02", "2.1": "2.10", "3.0": "3.00", "3.0.2": "3.02", "3.1.1": "3.11"}

// eveSMBCommands are the commands of version 2 by our actions.
var eveSMBCommands = map[string]string{
	"login": "SMB2_COMMAND_SESSION_SETUP", "connect": "SMB2_COMMAND_TREE_CONNECT", "delete": "SMB2_COMMAND_SET_INFO",
	"rename": "SMB2_COMMAND_SET_INFO",
}

func (w *eve) smb(e *Event) {
	w.open("smb")
	version, ok := e.GetStr(SaksiSmbVersion)
	if ok {
		if s := eveSMBDialects[version]; s != "" {
			version = s
		}
		w.str("dialect", version)
	}
	if action := e.action(); action != "" {
		command := eveSMBCommands[action]
		if command == "" {
			command = "SMB2_COMMAND_CREATE"
		}
		if strings.HasPrefix(version, "2.") || strings.HasPrefix(version, "3.") {
			w.str("command", command)
		}
	}
	if s, ok := e.GetStr(SaksiSmbStatus); ok {
		w.str("status", s)
	} else if s, _ := e.GetStr(EventOutcome); s == "success" {
		w.str("status", "STATUS_SUCCESS")
		w.str("status_code", "0x0")
	}
	w.field("filename", e, FileName)
	if share, ok := e.GetStr(SaksiSmbShare); ok {
		if strings.HasSuffix(strings.ToUpper(share), "IPC$") {
			w.str("named_pipe", share)
		} else {
			w.str("share", share)
		}
	}
	if e.Has(SaksiNtlmVersion) || e.Has(SaksiNtlmHost) {
		w.open("ntlmssp")
		w.field("domain", e, UserDomain)
		w.field("user", e, UserName)
		w.field("host", e, SaksiNtlmHost)
		w.close()
	}
	w.close()
}

// eveModbus are the functions by their numbers: name, access, category.
var eveModbus = map[int64][3]string{
	1: {"RdCoils", "READ | COILS", "PUBLIC_ASSIGNED"}, 2: {"RdDiscreteInputs", "READ | DISCRETES", "PUBLIC_ASSIGNED"},
	3: {"RdHoldRegs", "READ | HOLDING", "PUBLIC_ASSIGNED"}, 4: {"RdInputRegs", "READ | INPUT", "PUBLIC_ASSIGNED"},
	5: {"WrSingleCoil", "WRITE_SINGLE | COILS", "PUBLIC_ASSIGNED"}, 6: {"WrSingleReg", "WRITE_SINGLE | HOLDING", "PUBLIC_ASSIGNED"},
	7: {"RdExcStatus", "", "PUBLIC_ASSIGNED"}, 8: {"Diagnostic", "", "PUBLIC_ASSIGNED"}, 11: {"GetCommEventCtr", "", "PUBLIC_ASSIGNED"},
	12: {"GetCommEventLog", "", "PUBLIC_ASSIGNED"}, 15: {"WrMultCoils", "WRITE_MULTIPLE | COILS", "PUBLIC_ASSIGNED"},
	16: {"WrMultRegs", "WRITE_MULTIPLE | HOLDING", "PUBLIC_ASSIGNED"}, 17: {"ReportServerID", "", "PUBLIC_ASSIGNED"},
	20: {"RdFileRec", "", "PUBLIC_ASSIGNED"}, 21: {"WrFileRec", "", "PUBLIC_ASSIGNED"}, 22: {"MaskWrReg", "WRITE_MULTIPLE | HOLDING", "PUBLIC_ASSIGNED"},
	23: {"RdWrMultRegs", "READ | WRITE_MULTIPLE | HOLDING", "PUBLIC_ASSIGNED"}, 24: {"RdFIFOQueue", "", "PUBLIC_ASSIGNED"}, 43: {"MEI", "", "PUBLIC_ASSIGNED"},
}

func (w *eve) modbus(e *Event) {
	code, _ := e.GetInt(SaksiIcsFunctionCode)
	f := eveModbus[code]
	w.open("modbus")
	w.number("id", e, SaksiEveTxID)
	w.open("request")
	w.num("protocol_id", 0)
	w.number("unit_id", e, SaksiIcsUnit)
	w.num("function_raw", code)
	w.str("function_code", f[0])
	w.str("access_type", f[1])
	w.str("category", f[2])
	if address, ok := e.GetInt(SaksiIcsAddress); ok && strings.HasPrefix(f[1], "READ") {
		w.open("read")
		w.num("address", address)
		w.number("quantity", e, SaksiIcsCount)
		w.close()
	} else if ok && strings.HasPrefix(f[1], "WRITE_SINGLE") {
		w.open("write")
		w.num("address", address)
		w.close()
	}
	w.close()
	w.close()
}

func (w *eve) dnp3(e *Event) {
	w.open("dnp3")
	w.open("request")
	w.str("type", "request")
	w.number("src", e, SaksiIcsMaster)
	w.number("dst", e, SaksiIcsUnit)
	w.open("application")
	w.number("function_code", e, SaksiIcsFunctionCode)
	w.close()
	w.close()
	w.close()
}
