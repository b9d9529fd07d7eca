package artifact

import (
	"encoding/json"
	"regexp"
	"strconv"

	"saksi/internal/sqlitefile"
)

// Databases of Windows 10 and 11 and of macOS that tell what was in use and what was
// allowed, and forms that browsers remember.

func init() {
	appDB("windows-timeline", "ActivitiesCache.db of Windows 10 and 11: which program showed what from when to when; contents of the clipboard are not read",
		"Microsoft, Connected Devices Platform, ActivitiesCache.db (table Activity)", "windows", hasTables("Activity", "Activity_PackageId"), "activities.sqlite",
		appTable{
			name: "Activity", kind: "activity", at: secondsIn("starttime"), deleted: plausibleAt(secondsIn("starttime")),
			more: func(_ *database, r *sqlitefile.Row, rec *Record) {
				rec.add("program", activityProgram(textOrBytes(r, "appid")))
				rec.add("type", named(r.Text("activitytype"), "2", "notification", "3", "backup", "5", "opened", "6", "in focus", "10", "clipboard", "11", "setting", "12", "setting", "15", "setting", "16", "copied"))
				var p struct{ DisplayText, Description, AppDisplayName, ContentUri, ActivationUri, UserTimezone string }
				if json.Unmarshal([]byte(textOrBytes(r, "payload")), &p) == nil && r.Text("activitytype") != "10" {
					rec.add("title", p.DisplayText)
					rec.add("description", p.Description)
					rec.add("program_name", p.AppDisplayName)
					rec.add("content", maskedURL(firstOf(p.ContentUri, p.ActivationUri)))
					rec.add("user_zone", p.UserTimezone)
				}
				rec.add("until", timeField(unixSeconds(r.Int("endtime"))))
				rec.add("changed", timeField(unixSeconds(r.Int("lastmodifiedtime"))))
				rec.add("expires", timeField(unixSeconds(r.Int("expirationtime"))))
				rec.add("device", r.Text("platformdeviceid"))
			},
		},
	)
	appDB("windows-notifications", "wpndatabase.db of Windows 10 and 11: notifications with program, time and text",
		"Microsoft, Windows Push Notification, wpndatabase.db (tables Notification, NotificationHandler)", "windows", hasTables("Notification", "NotificationHandler"), "notifications.sqlite",
		appTable{
			name: "Notification", kind: "notification",
			at:      func(r *sqlitefile.Row) int64 { return fileTime(r.Int("arrivaltime")) },
			columns: [][2]string{{"type", "type"}, {"payload", "text"}},
			more: func(d *database, r *sqlitefile.Row, rec *Record) {
				rec.add("program", d.lookUp("NotificationHandler", "recordid", "primaryid")[r.Int("handlerid")])
				rec.add("expires", timeField(fileTime(r.Int("expirytime"))))
			},
		},
	)
	appDB("tcc", "TCC.db of macOS and iOS: which program was allowed or refused what, and when",
		"Apple, TCC.db schema (table access); J. Metz, dtformats", "macos", hasTables("access", "admin"), "tcc.sqlite",
		appTable{
			name: "access", kind: "permission", at: secondsIn("last_modified"),
			columns: [][2]string{{"service", "service"}, {"client", "program"}, {"indirect_object_identifier", "object"}, {"auth_reason", "reason"}},
			more: func(_ *database, r *sqlitefile.Row, rec *Record) {
				// allowed till macOS 10.15, auth_value since.
				rec.add("allowed", firstOf(wordFor(r.Text("auth_value"), "no", "unknown", "yes", "limited"), wordFor(r.Text("allowed"), "no", "yes")))
			},
		},
	)
	appDB("chrome-forms", "Web Data of Chromium browsers: what was written into forms, by field; never cards or passwords",
		"Chromium components/autofill/core/browser/webdata/autocomplete/autocomplete_table.cc", "chrome", hasTables("autofill", "meta"), "chrome-forms.sqlite",
		appTable{
			name: "autofill", kind: "form", at: secondsIn("date_last_used"), columns: [][2]string{{"name", "name"}, {"count", "count"}},
			more: func(_ *database, r *sqlitefile.Row, rec *Record) {
				rec.add("text", formText(r.Text("name"), r.Text("value")))
				rec.add("first", timeField(unixSeconds(r.Int("date_created"))))
			},
		},
	)
	appDB("firefox-forms", "formhistory.sqlite of Firefox: what was written into forms and searched for, by field",
		"Firefox toolkit/components/satchel/FormHistory.sys.mjs", "firefox", hasTables("moz_formhistory"), "firefox-forms.sqlite",
		appTable{
			name: "moz_formhistory", kind: "form", at: func(r *sqlitefile.Row) int64 { return microTime(r.Int("lastused")) },
			columns: [][2]string{{"fieldname", "name"}, {"timesused", "count"}},
			more: func(_ *database, r *sqlitefile.Row, rec *Record) {
				rec.add("text", formText(r.Text("fieldname"), r.Text("value")))
				rec.add("first", timeField(microTime(r.Int("firstused"))))
			},
		},
	)
}

var secretField = regexp.MustCompile(`(?i)pass|pwd|secret|token|card|(?:^|[^a-z])(?:pin|otp|cvv|cvc)(?:[^a-z]|$)`)

// formText masks what was written into a field whose name says that it is a secret.
func formText(field, text string) string {
	if text != "" && secretField.MatchString(field) {
		return "****"
	}
	return maskedURL(text)
}

// activityProgram is the program of an activity: AppId is a list of names by
// platform in JSON.
func activityProgram(s string) string {
	var list []struct{ Application, Platform string }
	if json.Unmarshal([]byte(s), &list) != nil {
		return s
	}
	for _, platform := range []string{"x_exe_path", "windows_win32", "windows_universal", "packageId"} {
		for _, a := range list {
			if a.Platform == platform && a.Application != "" {
				return a.Application
			}
		}
	}
	return ""
}

func parseNumber(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}
