package tcpstate

// Event is something odd about a segment. Its number is its place in EventNames
// and its bit in what Conn.Packet returns.
type Event uint8

// Events.
const (
	AckWrongDirection Event = iota
	RightSeqWrongAck
	SynAckWrongDirection
	SynAckResendAck
	SynAckResendSeq
	SynAckToServerOnSynReceived
	SynAckWrongAck
	SynAckFlood
	FastOpenIgnored
	SynResendSeqOnSynReceived
	SynToClientOnSynReceived
	WrongSeqWrongAck
	FourSynAckWrongAck
	FourSynAckWrongSyn
	CloseWaitAckWindow
	CloseWaitFinWindow
	CloseWaitInvalidAck
	CloseWaitBeforeLastAck
	ClosingAckSeq
	ClosingInvalidAck
	EstablishedOutOfWindow
	EstablishedSynAckResend
	EstablishedSynAckResendAck
	EstablishedSynAckResendSeq
	EstablishedSynAckToServer
	EstablishedSynResend
	EstablishedSynResendSeq
	EstablishedSynToClient
	EstablishedInvalidAck
	EstablishedBeforeLastAck
	FinInvalidAck
	FinOutOfWindow
	Fin1AckSeq
	Fin1FinSeq
	Fin1InvalidAck
	Fin2AckSeq
	Fin2FinSeq
	Fin2InvalidAck
	FINNoSession
	RSTNoSession
	LastAckSeq
	LastAckInvalidAck
	TimeWaitAckSeq
	TimeWaitInvalidAck
	ShutdownSynResend
	InvalidTimestamp
	InvalidAck
	BrokenAck
	RSTInvalidAck
	BadWindowUpdate
	SuspectedRSTInject
	Retransmission
	OverlapDifferent
	SegmentBeforeBase
	SequenceGap
	FinSyn
	FourWrongSeq
	FourInvalidAck
	SpuriousRetransmission
	DepthReached
	numEvents
)

// EventNames are the names by which rules know the events.
var EventNames = [numEvents]string{
	"3whs_ack_in_wrong_dir", "3whs_right_seq_wrong_ack_evasion", "3whs_synack_in_wrong_direction", "3whs_synack_resend_with_different_ack",
	"3whs_synack_resend_with_diff_seq", "3whs_synack_toserver_on_syn_recv", "3whs_synack_with_wrong_ack", "3whs_synack_flood",
	"3whs_synack_tfo_data_ignored", "3whs_syn_resend_diff_seq_on_syn_recv", "3whs_syn_toclient_on_syn_recv", "3whs_wrong_seq_wrong_ack",
	"4whs_synack_with_wrong_ack", "4whs_synack_with_wrong_syn", "closewait_ack_out_of_window", "closewait_fin_out_of_window",
	"closewait_invalid_ack", "closewait_pkt_before_last_ack", "closing_ack_wrong_seq", "closing_invalid_ack", "est_packet_out_of_window",
	"est_synack_resend", "est_synack_resend_with_different_ack", "est_synack_resend_with_diff_seq", "est_synack_toserver", "est_syn_resend",
	"est_syn_resend_diff_seq", "est_syn_toclient", "est_invalid_ack", "est_pkt_before_last_ack", "fin_invalid_ack", "fin_out_of_window",
	"fin1_ack_wrong_seq", "fin1_fin_wrong_seq", "fin1_invalid_ack", "fin2_ack_wrong_seq", "fin2_fin_wrong_seq", "fin2_invalid_ack",
	"fin_but_no_session", "rst_but_no_session", "lastack_ack_wrong_seq", "lastack_invalid_ack", "timewait_ack_wrong_seq", "timewait_invalid_ack",
	"shutdown_syn_resend", "pkt_invalid_timestamp", "pkt_invalid_ack", "pkt_broken_ack", "rst_invalid_ack", "pkt_bad_window_update",
	"suspected_rst_inject", "pkt_retransmission", "reassembly_overlap_different_data", "reassembly_segment_before_base_seq", "reassembly_seq_gap",
	"fin_syn", "4whs_wrong_seq", "4whs_invalid_ack", "pkt_spurious_retransmission", "reassembly_depth_reached",
}

// NeverRaised are events that rules know and that nothing here raises: they are
// of an engine that drops packets, follows one side alone, has its packets on
// several threads or is short of memory.
var NeverRaised = []string{"3whs_ack_data_inject", "3whs_async_wrong_seq", "wrong_thread", "reassembly_no_segment", "reassembly_urgent_oob_limit_reached"}

type events uint64

func (e *events) add(x Event) { *e |= 1 << x }
