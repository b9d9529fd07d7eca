package event

import (
	"strings"
)

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

// ModbusNames gives what Suricata calls a function of Modbus, what it accesses and
// its category, which is empty for one that has no name.
func ModbusNames(code int64) (function, access, category string) {
	f := eveModbus[code]
	function, access, category = f[0], f[1], f[2]
	if function == "" {
		function = "Unknown"
	}
	if access == "" {
		access = "NONE"
	}
	return function, access, category
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
	dataset, _ := e.GetStr(EventDataset)
	if dataset == "saksi.alert" { // a record of its own is of one message
		w.open("request")
		defer w.close()
	}
	w.str("type", "request")
	w.number("src", e, SaksiIcsMaster)
	w.number("dst", e, SaksiIcsUnit)
	w.open("application")
	w.number("function_code", e, SaksiIcsFunctionCode)
	w.close()
	w.close()
}
