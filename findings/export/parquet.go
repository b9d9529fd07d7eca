package export

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"saksi/event"
)

// parquetGroup is how many documents stand in one group of rows, which is held in
// memory until it is written.
const parquetGroup = 20000

// parquetRow is one document: what is asked for most as columns, all of it as JSON.
// A value that the document does not have is null.
type parquetRow struct {
	ID              string    `parquet:"event_id"`
	Time            time.Time `parquet:"timestamp,timestamp(microsecond)"`
	Dataset         string    `parquet:"dataset,dict"`
	Kind            string    `parquet:"kind,dict"`
	Agency          *string   `parquet:"agency,optional,dict"`
	Sensor          *string   `parquet:"sensor,optional,dict"`
	Case            *string   `parquet:"case,optional,dict"`
	Exhibit         *string   `parquet:"exhibit,optional,dict"`
	Severity        *int64    `parquet:"severity,optional"`
	RuleID          *string   `parquet:"rule_id,optional,dict"`
	RuleName        *string   `parquet:"rule_name,optional,dict"`
	Techniques      []string  `parquet:"techniques,list"`
	Controls        []string  `parquet:"controls,list"`
	SourceIP        *string   `parquet:"source_ip,optional"`
	SourcePort      *int64    `parquet:"source_port,optional"`
	DestinationIP   *string   `parquet:"destination_ip,optional"`
	DestinationPort *int64    `parquet:"destination_port,optional"`
	Protocol        *string   `parquet:"protocol,optional,dict"`
	Bytes           *int64    `parquet:"bytes,optional"`
	Duration        *int64    `parquet:"duration_ns,optional"`
	CommunityID     *string   `parquet:"community_id,optional"`
	Host            *string   `parquet:"host,optional,dict"`
	User            *string   `parquet:"user,optional,dict"`
	Path            *string   `parquet:"path,optional"`
	Hash            *string   `parquet:"sha256,optional"`
	Domain          *string   `parquet:"domain,optional"`
	URL             *string   `parquet:"url,optional"`
	Document        string    `parquet:"document"` // in ECS
}

// parquetFile writes documents as Apache Parquet.
type parquetFile struct {
	w    *parquet.GenericWriter[parquetRow]
	rows []parquetRow
	left int
}

func newParquet(w io.Writer, o Options) (Writer, error) {
	return &parquetFile{w: parquet.NewGenericWriter[parquetRow](w, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("saksi", "", ""),
		parquet.KeyValueMetadata("classification", plain(o.Classification, false)), parquet.KeyValueMetadata("agency", plain(o.Agency, false)))}, nil
}

// Emit implements findings.Sink.
func (p *parquetFile) Emit(e *event.Event) error {
	at, ok := e.GetTime(event.Timestamp)
	if !ok {
		p.left++
		return nil
	}
	text := func(fields ...event.Field) *string {
		for _, f := range fields {
			if s := strings.Join(texts(e, f), " "); s != "" {
				return &s
			}
		}
		return nil
	}
	number := func(f event.Field) *int64 {
		if n, ok := e.GetInt(f); ok {
			return &n
		}
		return nil
	}
	p.rows = append(p.rows, parquetRow{
		ID: strings.Clone(str(e, event.EventID)), Time: time.Unix(0, at).UTC(), Dataset: strings.Clone(str(e, event.EventDataset)), Kind: strings.Clone(str(e, event.EventKind)),
		Agency: text(event.OrganizationName), Sensor: text(event.ObserverName), Case: text(event.SaksiCase), Exhibit: text(event.SaksiExhibit),
		Severity: number(event.EventSeverity), RuleID: text(event.RuleID), RuleName: text(event.RuleName), Techniques: texts(e, event.ThreatTechniqueID), Controls: texts(e, event.SaksiControl),
		SourceIP: text(event.SourceIP), SourcePort: number(event.SourcePort), DestinationIP: text(event.DestinationIP), DestinationPort: number(event.DestinationPort),
		Protocol: text(event.NetworkProtocol, event.NetworkTransport), Bytes: number(event.NetworkBytes), Duration: number(event.EventDuration), CommunityID: text(event.NetworkCommunityID),
		Host: text(event.HostName), User: text(event.UserName), Path: text(event.FilePath), Hash: text(event.FileHashSHA256),
		Domain: text(event.DNSQuestionName, event.TLSClientServerName, event.URLDomain), URL: text(event.URLFull, event.URLOriginal), Document: string(e.AppendJSON(nil)),
	})
	if len(p.rows) < parquetGroup {
		return nil
	}
	return p.flush()
}

// flush writes the rows that are held as a group.
func (p *parquetFile) flush() error {
	if len(p.rows) == 0 {
		return nil
	}
	if _, err := p.w.Write(p.rows); err != nil {
		return fmt.Errorf("writing Parquet: %w", err)
	}
	clear(p.rows)
	p.rows = p.rows[:0]
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("writing Parquet: %w", err)
	}
	return nil
}

// Close implements Writer.
func (p *parquetFile) Close() error {
	if err := p.flush(); err != nil {
		return err
	}
	if err := p.w.Close(); err != nil {
		return fmt.Errorf("writing Parquet: %w", err)
	}
	return nil
}

// LeftOut implements Writer.
func (p *parquetFile) LeftOut() int { return p.left }
