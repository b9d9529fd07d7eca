#!/bin/sh
# Makes all of testdata/ anew, as root on Debian 12, in under ten minutes. The
# bytes differ from the stored ones (times, keys, ports, identifiers); truth/
# is written alongside and fits them. Golden files of the packages that read
# these files must be made again after it.
set -eu
cd "$(dirname "$0")"
./demo.sh
./protocols.sh
python3 assets.py
python3 packs.py ../../rules/packs
./tls.sh
python3 hostile_captures.py
python3 truth_captures.py
python3 evtx.py ../artifact/sysmon.evtx
python3 evtx.py lost ../artifact
python3 hive.py ../artifact/sample.hive
python3 hive.py ../artifact/more.hive more
python3 hive.py ../artifact/shellbags.hive bags
python3 hive.py ../artifact/traces.hive traces
python3 hivelog.py ../artifact/sample.hive ../artifact/hive
python3 usn.py ../artifact/sample.usn
python3 logfile.py ../artifact/sample.logfile
python3 tasks.py ../artifact
bash mft.sh ../artifact/sample.mft # needs to mount
python3 windows.py ../artifact
python3 jumplist.py ../artifact
python3 thumbnails.py ../artifact
python3 thumbsdb.py ../artifact
python3 info2.py ../artifact
python3 ese.py ../artifact
python3 evt.py ../artifact/sample.evt
python3 linux.py ../artifact
python3 apple.py ../artifact
python3 apps.py ../artifact
python3 wmi.py ../artifact/sample.OBJECTS.DATA
python3 files.py ../artifact # needs ds-store of PyPI
python3 journal.py ../artifact
python3 browser.py "$(./profile.sh)" ../artifact
./image.sh
./small.sh
./containers.sh
python3 memory.py ../image/container
./filesystems.sh
./flags.sh
./arrays.sh
./wof.sh
./recover.sh
./truth_yara.sh
