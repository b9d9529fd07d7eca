package main

import (
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/sensor"
)

// countsEach is how often a live capture tells its counts.
const countsEach = time.Hour

// named stamps every event with the sensor's name, so that an assessment knows
// which sensors were heard. An empty name changes nothing.
func named(name string, next findings.Sink) findings.Sink {
	if name == "" {
		return next
	}
	return findings.SinkFunc(func(e *event.Event) error {
		e.Str(event.ObserverName, name)
		return next.Emit(e)
	})
}

// tellCounts emits a metric: what the sensor took and lost since it began, as
// of a time (Unix nanoseconds), and the serial of its center's bundle (0 for none).
func tellCounts(sink findings.Sink, name string, at int64, packets, dropped uint64, key string, bundle int64) error {
	e := &event.Event{}
	e.Time(event.Timestamp, at)
	e.Str(event.EventKind, "metric")
	e.Str(event.EventDataset, "saksi.sensor")
	e.Str(event.EventModule, "saksi")
	e.Str(event.ObserverName, name)
	e.Str(event.ObserverType, "sensor")
	e.Str(event.SaksiEvidenceKey, key)
	e.Int(event.SaksiSensorPackets, int64(packets))
	e.Int(event.SaksiSensorDropped, int64(dropped))
	if bundle > 0 {
		e.Int(event.SaksiSensorBundle, bundle)
	}
	return sink.Emit(e)
}

// counts tells what a sensor's captures hold, one metric a capture.
func (k *keeper) counts(name string, sum *sensor.Summary) error {
	if k == nil || name == "" {
		return nil
	}
	for i := range sum.Sources {
		s := &sum.Sources[i]
		if s.Stats.Packets == 0 {
			continue
		}
		if err := tellCounts(k.sink, name, s.Last, s.Stats.Packets, s.Stats.Dropped, s.Key, 0); err != nil {
			return err
		}
	}
	return nil
}
