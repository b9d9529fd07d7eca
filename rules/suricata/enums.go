package suricata

// Names of numbers, as the keywords of each protocol take them (Suricata user
// guide; the numbers are of the registries of the protocols).

var ldapOperations = map[string]uint64{
	"bind_request": 0, "bind_response": 1, "unbind_request": 2, "search_request": 3, "search_result_entry": 4, "search_result_done": 5,
	"modify_request": 6, "modify_response": 7, "add_request": 8, "add_response": 9, "del_request": 10, "del_response": 11, "mod_dn_request": 12,
	"mod_dn_response": 13, "compare_request": 14, "compare_response": 15, "abandon_request": 16, "search_result_reference": 19,
	"extended_request": 23, "extended_response": 24, "intermediate_response": 25,
}

var ldapResults = map[string]uint64{
	"success": 0, "operations_error": 1, "protocol_error": 2, "time_limit_exceeded": 3, "size_limit_exceeded": 4, "compare_false": 5, "compare_true": 6,
	"auth_method_not_supported": 7, "stronger_auth_required": 8, "referral": 10, "admin_limit_exceeded": 11, "unavailable_critical_extension": 12,
	"confidentiality_required": 13, "sasl_bind_in_progress": 14, "no_such_attribute": 16, "undefined_attribute_type": 17, "inappropriate_matching": 18,
	"constraint_violation": 19, "attribute_or_value_exists": 20, "invalid_attribute_syntax": 21, "no_such_object": 32, "alias_problem": 33,
	"invalid_dns_syntax": 34, "is_leaf": 35, "alias_dereferencing_problem": 36, "inappropriate_authentication": 48, "invalid_credentials": 49,
	"insufficient_access_rights": 50, "busy": 51, "unavailable": 52, "unwilling_to_perform": 53, "loop_detect": 54, "sort_control_missing": 60,
	"offset_range_error": 61, "naming_violation": 64, "object_class_violation": 65, "not_allowed_on_non_leaf": 66, "not_allowed_on_rdn": 67,
	"entry_already_exists": 68, "object_class_mods_prohibited": 69, "results_too_large": 70, "affects_multiple_dsas": 71, "control_error": 76,
	"other": 80, "server_down": 81, "local_error": 82, "encoding_error": 83, "decoding_error": 84, "timeout": 85, "auth_unknown": 86, "filter_error": 87,
	"user_canceled": 88, "param_error": 89, "no_memory": 90, "connect_error": 91, "not_supported": 92, "control_not_found": 93, "no_results_returned": 94,
	"more_results_to_return": 95, "client_loop": 96, "referral_limit_exceeded": 97, "invalid_response": 100, "ambiguous_response": 101,
	"tls_not_supported": 112, "intermediate_response": 113, "unknown_type": 114, "canceled": 118, "no_such_operation": 119, "too_late": 120,
	"cannot_cancel": 121, "assertion_failed": 122, "authorization_denied": 123, "e_sync_refresh_required": 4096, "no_operation": 16654,
}

// webSocketOpcodes are those of RFC 6455, section 11.8.
var webSocketOpcodes = map[string]uint64{"continuation": 0, "text": 1, "binary": 2, "connection_close": 8, "ping": 9, "pong": 10}

// enipCommands and enipStatus are of the EtherNet/IP specification, sections
// 2-3.2 and 2-3.4.
var enipCommands = map[string]uint64{
	"nop": 0, "list_services": 4, "list_identity": 0x63, "list_interfaces": 0x64, "register_session": 0x65, "unregister_session": 0x66,
	"send_rr_data": 0x6f, "send_unit_data": 0x70, "indicate_status": 0x72, "cancel": 0x73,
}

var enipStatus = map[string]uint64{
	"success": 0, "invalid_cmd": 1, "no_resources": 2, "incorrect_data": 3, "invalid_session": 0x64, "invalid_length": 0x65, "unsupported_prot_rev": 0x69,
	"encap_header_error": 0x6a,
}

// dnp3Functions are the function codes of IEEE 1815, section 4.2.2.5.
var dnp3Functions = map[string]uint64{
	"confirm": 0, "read": 1, "write": 2, "select": 3, "operate": 4, "direct_operate": 5, "direct_operate_nr": 6, "immed_freeze": 7, "immed_freeze_nr": 8,
	"freeze_clear": 9, "freeze_clear_nr": 10, "freeze_at_time": 11, "freeze_at_time_nr": 12, "cold_restart": 13, "warm_restart": 14, "initialize_data": 15,
	"initialize_appl": 16, "start_appl": 17, "stop_appl": 18, "save_config": 19, "enable_unsolicited": 20, "disable_unsolicited": 21, "assign_class": 22,
	"delay_measure": 23, "record_current_time": 24, "open_file": 25, "close_file": 26, "delete_file": 27, "get_file_info": 28, "authenticate_file": 29,
	"abort_file": 30, "activate_config": 31, "authenticate_req": 32, "authenticate_err": 33, "response": 129, "unsolicited_response": 130,
	"authenticate_resp": 131,
}

// dnp3Indications are the internal indications, first octet high (IEEE 1815,
// section 4.2.2.6).
var dnp3Indications = map[string]uint64{
	"all_stations": 0x0100, "class_1_events": 0x0200, "class_2_events": 0x0400, "class_3_events": 0x0800, "need_time": 0x1000, "local_control": 0x2000,
	"device_trouble": 0x4000, "device_restart": 0x8000, "no_func_code_support": 0x0001, "object_unknown": 0x0002, "parameter_error": 0x0004,
	"event_buffer_overflow": 0x0008, "already_executing": 0x0010, "config_corrupt": 0x0020, "reserved_2": 0x0040, "reserved_1": 0x0080,
}

// http2Settings are those of RFC 9113, section 6.5.2, and RFC 8441.
var http2Settings = map[string]uint64{
	"settings_header_table_size": 1, "settings_enable_push": 2, "settings_max_concurrent_streams": 3, "settings_initial_window_size": 4,
	"settings_max_frame_size": 5, "settings_max_header_list_size": 6,
}

// nfs3Procedures and nfs4Procedures are of RFC 1813, section 3, and RFC 7530,
// section 16.
var nfs3Procedures = map[string]uint64{
	"null": 0, "getattr": 1, "setattr": 2, "lookup": 3, "access": 4, "readlink": 5, "read": 6, "write": 7, "create": 8, "mkdir": 9, "symlink": 10,
	"mknod": 11, "remove": 12, "rmdir": 13, "rename": 14, "link": 15, "readdir": 16, "readdirplus": 17, "fsstat": 18, "fsinfo": 19, "pathconf": 20,
	"commit": 21,
}

var nfs4Procedures = map[string]uint64{
	"null": 0, "compound": 1, "access": 3, "close": 4, "commit": 5, "create": 6, "delegpurge": 7, "delegreturn": 8, "getattr": 9, "getfh": 10, "link": 11,
	"lock": 12, "lockt": 13, "locku": 14, "lookup": 15, "lookupp": 16, "nverify": 17, "open": 18, "openattr": 19, "open_confirm": 20,
	"open_downgrade": 21, "putfh": 22, "putpubfh": 23, "putrootfh": 24, "read": 25, "readdir": 26, "readlink": 27, "remove": 28, "rename": 29, "renew": 30,
	"restorefh": 31, "savefh": 32, "secinfo": 33, "setattr": 34, "setclientid": 35, "setclientid_confirm": 36, "verify": 37, "write": 38,
	"release_lockowner": 39, "exchange_id": 42, "create_session": 43, "sequence": 53, "reclaim_complete": 58, "illegal": 10044,
}

// TLS states of ssl_state.
const (
	TLSClientHello = 1 << iota
	TLSServerHello
	TLSClientKey
	TLSServerKey
)

var tlsStates = map[string]uint64{
	"client_hello": TLSClientHello, "server_hello": TLSServerHello, "client_keyx": TLSClientKey, "server_keyx": TLSServerKey,
}

var sslVersions = map[string]uint64{"sslv2": 0x0200, "sslv3": 0x0300, "tls1.0": 0x0301, "tls1.1": 0x0302, "tls1.2": 0x0303, "tls1.3": 0x0304}
