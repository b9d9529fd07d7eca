package kibana

// alertColumns are what the list of alerts shows.
var alertColumns = []string{"event.severity", "rule.name", "source.ip", "destination.ip", "destination.port", "threat.technique.id", "Saksi.control", "observer.name", "Saksi.case", "event.id"}

// Times are those of the events: a case about last year shows once the time is set
// so. Its dashboard begins further back.
var dashboards = []dashboard{
	{
		name: "overview", title: "overview", about: "What there is, from which sensors, and how much of it alerts.",
		panels: []panel{
			{kind: number, view: allView, title: "Documents", w: 12, h: 6, stat: documents},
			{kind: number, view: alertView, title: "Alerts", x: 12, w: 12, h: 6, stat: documents},
			{kind: number, view: alertView, title: "Alerts, high and critical", x: 24, w: 12, h: 6, stat: documents, query: "event.severity >= 3"},
			{kind: number, view: allView, title: "Sensors", x: 36, w: 12, h: 6, stat: different("observer.name", "Sensors")},
			{kind: bars, view: allView, title: "Documents by data set", y: 6, w: 48, h: 14, stat: documents, by: []string{"event.dataset"}},
			{kind: donut, view: allView, title: "Protocols", y: 20, w: 16, h: 14, stat: documents, by: []string{"network.protocol"}},
			{kind: table, view: allView, title: "Sensors", x: 16, y: 20, w: 16, h: 14, stat: documents, by: []string{"observer.name"}, size: 50},
			{kind: table, view: alertView, title: "Rules", x: 32, y: 20, w: 16, h: 14, stat: documents, by: []string{"rule.name"}, size: 20},
		},
	},
	{
		name: "alerts", title: "alerts", about: "Alerts by severity, rule, technique and host, and their list.",
		panels: []panel{
			{kind: number, view: alertView, title: "Alerts", w: 12, h: 6, stat: documents},
			{kind: number, view: alertView, title: "Critical", x: 12, w: 12, h: 6, stat: documents, query: "event.severity:4"},
			{kind: number, view: alertView, title: "Rules", x: 24, w: 12, h: 6, stat: different("rule.id", "Rules")},
			{kind: number, view: alertView, title: "Source addresses", x: 36, w: 12, h: 6, stat: different("source.ip", "Addresses")},
			{kind: bars, view: alertView, title: "Alerts by severity (1 low to 4 critical)", y: 6, w: 48, h: 12, stat: documents, by: []string{"event.severity"}},
			{kind: table, view: alertView, title: "Rules", y: 18, w: 24, h: 14, stat: documents, by: []string{"rule.name", "event.severity"}, size: 20},
			{kind: table, view: alertView, title: "Techniques (ATT&CK)", x: 24, y: 18, w: 24, h: 14, stat: documents, by: []string{"threat.technique.id", "threat.technique.name"}, size: 20},
			{kind: table, view: alertView, title: "From", y: 32, w: 16, h: 12, stat: documents, by: []string{"source.ip"}, size: 20},
			{kind: table, view: alertView, title: "To", x: 16, y: 32, w: 16, h: 12, stat: documents, by: []string{"destination.ip", "destination.port"}, size: 20},
			{kind: table, view: alertView, title: "Files", x: 32, y: 32, w: 16, h: 12, stat: documents, by: []string{"file.hash.sha256"}, size: 20},
			{kind: search, title: "Alerts, newest first", y: 44, w: 48, h: 20},
		},
	},
	{
		name: "flows", title: "flows", about: "Who talks to whom, by which protocol, and how much.",
		panels: []panel{
			{kind: number, view: flowView, title: "Flows", w: 12, h: 6, stat: documents},
			{kind: number, view: flowView, title: "Bytes", x: 12, w: 12, h: 6, stat: sum("network.bytes", "Bytes")},
			{kind: number, view: flowView, title: "Source addresses", x: 24, w: 12, h: 6, stat: different("source.ip", "Addresses")},
			{kind: number, view: flowView, title: "Destination addresses", x: 36, w: 12, h: 6, stat: different("destination.ip", "Addresses")},
			{kind: bars, view: flowView, title: "Bytes by protocol", y: 6, w: 48, h: 14, stat: sum("network.bytes", "Bytes"), by: []string{"network.protocol"}},
			{kind: table, view: flowView, title: "Pairs by bytes", y: 20, w: 24, h: 14, stat: sum("network.bytes", "Bytes"), by: []string{"source.ip", "destination.ip"}, size: 20},
			{kind: table, view: flowView, title: "Destination ports", x: 24, y: 20, w: 12, h: 14, stat: documents, by: []string{"destination.port"}, size: 20},
			{kind: donut, view: flowView, title: "How connections ended", x: 36, y: 20, w: 12, h: 14, stat: documents, by: []string{"Saksi.flow.state"}},
			{kind: table, view: flowView, title: "Applications", y: 34, w: 24, h: 12, stat: sum("network.bytes", "Bytes"), by: []string{"network.application", "Saksi.flow.category"}, size: 20},
			{kind: table, view: flowView, title: "Sent by inner addresses", x: 24, y: 34, w: 24, h: 12, stat: sum("source.bytes", "Bytes"), by: []string{"source.ip"}, size: 20},
		},
	},
	{
		name: "cases", title: "cases", about: "What stands in which case and exhibit. Set the time to that of the events.", query: "Saksi.case:*",
		panels: []panel{
			{kind: number, view: allView, title: "Cases", w: 16, h: 6, stat: different("Saksi.case", "Cases")},
			{kind: number, view: allView, title: "Exhibits", x: 16, w: 16, h: 6, stat: different("Saksi.exhibit", "Exhibits")},
			{kind: number, view: alertView, title: "Alerts", x: 32, w: 16, h: 6, stat: documents},
			{kind: bars, view: allView, title: "Documents by case", y: 6, w: 48, h: 12, stat: documents, by: []string{"Saksi.case"}},
			{kind: table, view: allView, title: "Cases and exhibits", y: 18, w: 24, h: 14, stat: documents, by: []string{"Saksi.case", "Saksi.exhibit"}, size: 50},
			{kind: table, view: alertView, title: "Alerts by case and rule", x: 24, y: 18, w: 24, h: 14, stat: documents, by: []string{"Saksi.case", "rule.name"}, size: 20},
			{kind: table, view: allView, title: "What kind of documents", y: 32, w: 24, h: 12, stat: documents, by: []string{"Saksi.case", "event.dataset"}, size: 20},
			{kind: table, view: allView, title: "Users named", x: 24, y: 32, w: 24, h: 12, stat: documents, by: []string{"user.name"}, size: 20},
		},
	},
	{
		name: "controls", title: "controls", about: "Findings by the framework's controls they bear on. What was not seen is no pass: 'saksi framework assess' decides.", query: "Saksi.control:*",
		panels: []panel{
			{kind: number, view: alertView, title: "Findings that bear on a control", w: 24, h: 6, stat: documents},
			{kind: number, view: alertView, title: "Controls", x: 24, w: 24, h: 6, stat: different("Saksi.control", "Controls")},
			{kind: bars, view: alertView, title: "Findings by control", y: 6, w: 48, h: 14, stat: documents, by: []string{"Saksi.control"}},
			{kind: table, view: alertView, title: "Controls and rules", y: 20, w: 24, h: 16, stat: documents, by: []string{"Saksi.control", "rule.name"}, size: 20},
			{kind: table, view: alertView, title: "Controls and severity", x: 24, y: 20, w: 12, h: 16, stat: documents, by: []string{"Saksi.control", "event.severity"}, size: 20},
			{kind: table, view: alertView, title: "Agencies", x: 36, y: 20, w: 12, h: 16, stat: documents, by: []string{"organization.id"}, size: 20},
		},
	},
}
