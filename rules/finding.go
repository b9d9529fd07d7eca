package rules

import "saksi/event"

// taken are the fields a finding takes over from the event it rests on.
var taken = []event.Field{
	event.Timestamp, event.SourceIP, event.SourcePort, event.DestinationIP, event.DestinationPort, event.NetworkTransport, event.NetworkProtocol,
	event.NetworkCommunityID, event.SaksiFlowID, event.SaksiEvidenceKey, event.SaksiEvidenceName, event.SaksiEvidencePacket, event.SaksiEvidenceOffset,
	event.SaksiEvidenceRuns, event.SaksiEvidenceCommand, event.URLOriginal, event.URLDomain, event.DNSQuestionName, event.UserAgentOriginal,
	event.FilePath, event.FileInode, event.SaksiFileDeleted, event.SaksiCase, event.SaksiExhibit, event.OrganizationName,
	event.EventCode, event.EventProvider, event.EventSequence, event.HostName, event.UserName, event.UserDomain, event.UserID, event.ProcessExecutable,
	event.ProcessName, event.ProcessPID, event.ProcessCommandLine, event.ProcessParentExecutable, event.ProcessParentCommandLine, event.RegistryPath,
	event.ServiceName, event.SaksiWindowsChannel, event.SaksiTLSDecrypted, event.SaksiAuthorityReference,
}

// TakeOver puts into f, the finding, what it takes over from e, the event it
// rests on. The texts of f are views of e's.
func TakeOver(f, e *event.Event) {
	for _, field := range taken {
		for v := range e.Values(field) {
			f.Append(v)
		}
	}
}
