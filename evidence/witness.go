package evidence

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
)

// witnessName is the name of a witness in its line: the key tells who it is.
const witnessName = "saksi.witness"

// Cosign is a witness's signature on the log's present checkpoint: the
// checkpoint with one more line (C2SP signed-note). The caller MUST have checked
// that the log follows what the witness cosigned before.
func (st *LogState) Cosign(ctx context.Context, s *Signer) ([]byte, error) {
	text, _, ok := bytes.Cut(st.checkpoint, []byte("\n\n"))
	if !ok {
		return nil, fmt.Errorf("%w: the log has no checkpoint to cosign", ErrCustody)
	}
	sig, err := s.Sign(ctx, append(bytes.Clone(text), '\n'))
	if err != nil {
		return nil, fmt.Errorf("cosigning a checkpoint: %w", err)
	}
	sig = append(binary.BigEndian.AppendUint32(nil, keyHash(s.der)), sig...)
	return fmt.Appendf(bytes.Clone(st.checkpoint), "\u2014 %s %s\n", witnessName, base64.StdEncoding.EncodeToString(sig)), nil
}

// OpenCosigned splits a cosigned checkpoint into the checkpoint and the key,
// one of keys, that cosigned it. Errors are ErrCustody; the checkpoint is
// returned with them where it can be told.
func OpenCosigned(b []byte, keys []*Public) (checkpoint []byte, witness *Public, err error) {
	i := bytes.LastIndexByte(bytes.TrimSuffix(b, []byte("\n")), '\n')
	if i < 0 || len(b) > maxCheckpoint {
		return nil, nil, fmt.Errorf("%w: no cosigned checkpoint", ErrCustody)
	}
	checkpoint, last := b[:i+1], string(b[i+1:])
	sig, ok := strings.CutPrefix(last, "\u2014 "+witnessName+" ")
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSuffix(sig, "\n"))
	text, _, cut := bytes.Cut(checkpoint, []byte("\n\n"))
	if !ok || err != nil || len(raw) < 5 || !cut || !strings.HasSuffix(last, "\n") {
		return checkpoint, nil, fmt.Errorf("%w: the line of the witness can't be read", ErrCustody)
	}
	msg := append(bytes.Clone(text), '\n')
	for _, k := range keys {
		if keyHash(k.der) == binary.BigEndian.Uint32(raw) && k.Verify(msg, raw[4:]) {
			return checkpoint, k, nil
		}
	}
	return checkpoint, nil, fmt.Errorf("%w: cosigned by a key (%08x) that is none of the %d trusted ones, or not by it", ErrCustody, binary.BigEndian.Uint32(raw), len(keys))
}
