package artifact

import (
	"strings"

	"saksi/internal/sqlitefile"
)

// Databases of phones that examiners meet most: messages, calls, contacts and the
// list of a backup of iOS; messages, calls and contacts of Android; WhatsApp's.

func init() {
	appDB("imessage", "sms.db of iOS and chat.db of macOS: SMS and iMessages with address, direction, text and attachments; deleted ones that are still there too",
		"Apple, chat.db schema (tables message, handle, attachment)", "apple", hasTables("message", "handle", "chat"), "imessage.sqlite",
		appTable{
			name: "message", kind: "message", at: cocoaIn("date"), deleted: plausibleAt(cocoaIn("date")),
			columns: [][2]string{{"service", "service"}, {"text", "text"}, {"subject", "subject"}, {"guid", "id"}},
			more: func(d *database, r *sqlitefile.Row, rec *Record) {
				direction(rec, r.Int("is_from_me") != 0)
				rec.add("with", d.lookUp("handle", "", "id")[r.Int("handle_id")])
				rec.add("read", timeField(appleTime(r.Float("date_read"))))
				rec.add("delivered", timeField(appleTime(r.Float("date_delivered"))))
			},
		},
		appTable{name: "attachment", kind: "attachment", at: cocoaIn("created_date"), columns: [][2]string{{"filename", "path"}, {"transfer_name", "name"}, {"mime_type", "mime_type"}, {"total_bytes", "bytes"}}},
	)
	appDB("ios-calls", "CallHistory.storedata of iOS: calls with address, direction, duration and whether they were answered",
		"Apple, CallHistory Core Data model (ZCALLRECORD)", "apple", hasTables("ZCALLRECORD"), "ios-calls.sqlite",
		appTable{
			name: "ZCALLRECORD", kind: "call", at: cocoaIn("zdate"), deleted: plausibleAt(cocoaIn("zdate")),
			columns: [][2]string{{"zaddress", "with"}, {"zname", "name"}, {"zduration", "seconds"}, {"zservice_provider", "service"}, {"ziso_country_code", "country"}, {"zlocation", "location"}},
			more: func(_ *database, r *sqlitefile.Row, rec *Record) {
				rec.add("direction", wordFor(r.Text("zoriginated"), "received", "made"))
				rec.add("answered", wordFor(r.Text("zanswered"), "no", "yes"))
			},
		},
	)
	appDB("ios-contacts", "AddressBook.sqlitedb of iOS: contacts with their numbers and addresses",
		"Apple, AddressBook schema (ABPerson, ABMultiValue)", "apple", hasTables("ABPerson", "ABMultiValue"), "ios-contacts.sqlite",
		appTable{
			name: "ABPerson", kind: "contact", at: cocoaIn("creationdate"),
			columns: [][2]string{{"organization", "organization"}, {"note", "note"}},
			more: func(d *database, r *sqlitefile.Row, rec *Record) {
				rec.add("name", strings.TrimSpace(r.Text("first")+" "+r.Text("last")))
				rec.add("with", d.lookUp("ABMultiValue", "record_id", "value")[r.ID])
				rec.add("changed", timeField(appleTime(r.Float("modificationdate"))))
			},
		},
	)
	appDB("ios-manifest", "Manifest.db of a backup of iOS: which stored file is which file of the phone; files themselves may be encrypted",
		"Apple, iTunes backup Manifest.db (table Files)", "apple", hasTables("Files", "Properties"), "ios-manifest.sqlite",
		appTable{
			name: "Files", kind: "backup_file", columns: [][2]string{{"fileid", "stored_as"}, {"domain", "domain"}, {"relativepath", "path"}},
			more: func(_ *database, r *sqlitefile.Row, rec *Record) {
				rec.add("kind", wordFor(r.Text("flags"), "", "file", "directory", "", "link"))
			},
		},
	)
	appDB("android-messages", "mmssms.db of Android: SMS with address, direction and text; deleted ones that are still there too",
		"Android, packages/providers/TelephonyProvider, MmsSmsDatabaseHelper", "android", hasTables("sms", "threads"), "android-messages.sqlite",
		appTable{
			name: "sms", kind: "message", at: millisIn("date"), deleted: plausibleAt(millisIn("date")),
			columns: [][2]string{{"address", "with"}, {"body", "text"}, {"service_center", "service_center"}, {"thread_id", "thread"}},
			more: func(_ *database, r *sqlitefile.Row, rec *Record) {
				rec.add("direction", wordFor(r.Text("type"), "", "received", "sent", "draft", "outbox", "failed", "queued"))
				rec.add("sent", timeField(unixMillis(r.Int("date_sent"))))
				rec.add("read", wordFor(r.Text("read"), "no", "yes"))
			},
		},
	)
	appDB("android-calls", "calls of Android (calllog.db, contacts2.db): number, direction, duration; the contacts beside them",
		"Android, packages/providers/ContactsProvider, CallLogDatabaseHelper, ContactsDatabaseHelper", "android", anyOf(hasTables("calls", "voicemail_status"), hasTables("raw_contacts", "mimetypes")), "android-calls.sqlite",
		appTable{
			name: "calls", kind: "call", at: millisIn("date"), deleted: plausibleAt(millisIn("date")),
			columns: [][2]string{{"number", "with"}, {"name", "name"}, {"duration", "seconds"}, {"geocoded_location", "location"}, {"countryiso", "country"}},
			more: func(_ *database, r *sqlitefile.Row, rec *Record) {
				rec.add("direction", wordFor(r.Text("type"), "", "received", "made", "missed", "voicemail", "rejected", "blocked", "answered elsewhere"))
			},
		},
		appTable{
			name: "raw_contacts", kind: "contact", at: millisIn("last_time_contacted"),
			columns: [][2]string{{"display_name", "name"}, {"times_contacted", "times_contacted"}, {"deleted", "deleted"}},
			more: func(d *database, r *sqlitefile.Row, rec *Record) {
				rec.add("with", d.lookUp("data", "raw_contact_id", "data1")[r.ID])
				rec.add("account", d.lookUp("accounts", "", "account_type")[r.Int("account_id")])
			},
		},
	)
	appDB("whatsapp", "msgstore.db of WhatsApp on Android, decrypted, and ChatStorage.sqlite of iOS: messages with chat, sender, direction and text; deleted ones that are still there too",
		"WhatsApp, msgstore.db (message, chat, jid; messages before 2021) and ChatStorage.sqlite (ZWAMESSAGE)", "whatsapp",
		anyOf(hasTables("message", "jid", "chat"), hasTables("messages", "chat_list"), hasTables("ZWAMESSAGE")), "whatsapp.sqlite",
		appTable{
			name: "message", kind: "message", at: millisIn("timestamp"), deleted: plausibleAt(millisIn("timestamp")),
			columns: [][2]string{{"text_data", "text"}, {"message_type", "type"}, {"key_id", "id"}},
			more: func(d *database, r *sqlitefile.Row, rec *Record) {
				direction(rec, r.Int("from_me") != 0)
				jids, chat := d.lookUp("jid", "", "raw_string"), r.Int("chat_row_id")
				rec.add("with", jids[parseNumber(d.lookUp("chat", "", "jid_row_id")[chat])])
				rec.add("group", d.lookUp("chat", "", "subject")[chat])
				rec.add("sender", jids[r.Int("sender_jid_row_id")])
				rec.add("received", timeField(unixMillis(r.Int("received_timestamp"))))
			},
		},
		appTable{
			name: "messages", kind: "message", at: millisIn("timestamp"), deleted: plausibleAt(millisIn("timestamp")),
			columns: [][2]string{{"key_remote_jid", "with"}, {"remote_resource", "sender"}, {"data", "text"}, {"media_name", "path"}, {"media_mime_type", "mime_type"}, {"media_size", "bytes"}, {"key_id", "id"}},
			more: func(_ *database, r *sqlitefile.Row, rec *Record) {
				direction(rec, r.Int("key_from_me") != 0)
				rec.add("received", timeField(unixMillis(r.Int("received_timestamp"))))
			},
		},
		appTable{
			name: "ZWAMESSAGE", kind: "message", at: cocoaIn("zmessagedate"), deleted: plausibleAt(cocoaIn("zmessagedate")),
			columns: [][2]string{{"ztext", "text"}, {"zpushname", "name"}, {"zmessagetype", "type"}, {"zstanzaid", "id"}},
			more: func(_ *database, r *sqlitefile.Row, rec *Record) {
				direction(rec, r.Int("zisfromme") != 0)
				rec.add("with", firstOf(r.Text("zfromjid"), r.Text("ztojid")))
			},
		},
	)
}

func direction(rec *Record, fromMe bool) {
	rec.add("direction", map[bool]string{true: "sent", false: "received"}[fromMe])
}

// anyOf is a Probe: one of the others takes it.
func anyOf(probes ...func(Input) bool) func(Input) bool {
	return func(in Input) bool {
		for _, p := range probes {
			if p(in) {
				return true
			}
		}
		return false
	}
}
