#!/usr/bin/env python3
"""Make the databases of apps and phones in testdata/artifact, by the schemas of
their sources with the columns that matter; all of them is invented.

usage: apps.py OUT_FOLDER
"""
import json
import os
import sqlite3
import sys

out = sys.argv[1]
S = 1795854956  # 2026-11-28T08:35:56Z
COCOA = S - 978307200
FILETIME = (S + 11644473600) * 10_000_000


def make(name, script, rows=()):
    path = os.path.join(out, name)
    if os.path.exists(path):
        os.remove(path)
    c = sqlite3.connect(path, isolation_level=None)
    c.execute("PRAGMA secure_delete=0")
    c.executescript(script)
    for statement, values in rows:
        c.execute(statement, values)
    c.close()


make("imessage.sqlite", f"""
CREATE TABLE handle (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, id TEXT NOT NULL, country TEXT, service TEXT NOT NULL);
CREATE TABLE chat (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, chat_identifier TEXT);
CREATE TABLE message (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, text TEXT, subject TEXT, handle_id INTEGER DEFAULT 0, service TEXT, date INTEGER, date_read INTEGER, date_delivered INTEGER, is_from_me INTEGER DEFAULT 0);
CREATE TABLE attachment (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, created_date INTEGER DEFAULT 0, filename TEXT, mime_type TEXT, transfer_name TEXT, total_bytes INTEGER DEFAULT 0);
INSERT INTO handle VALUES(1,'+60123456789','my','iMessage');
INSERT INTO message VALUES(1,'A-1','jumpa di pejabat',NULL,1,'iMessage',{COCOA * 10**9},{(COCOA + 60) * 10**9},0,0);
INSERT INTO message VALUES(2,'A-2','baik',NULL,1,'SMS',{COCOA + 120},0,0,1);
INSERT INTO message VALUES(3,'A-3','padam ini',NULL,1,'iMessage',{(COCOA + 180) * 10**9},0,0,1);
INSERT INTO attachment VALUES(1,'B-1',{COCOA},'~/Library/SMS/Attachments/aa/IMG_1.HEIC','image/heic','IMG_1.HEIC',2048);
DELETE FROM message WHERE ROWID=3;
""")
make("ios-calls.sqlite", f"""
CREATE TABLE ZCALLRECORD ( Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, ZANSWERED INTEGER, ZORIGINATED INTEGER, ZDATE TIMESTAMP, ZDURATION FLOAT, ZADDRESS VARCHAR, ZNAME VARCHAR, ZISO_COUNTRY_CODE VARCHAR, ZLOCATION VARCHAR, ZSERVICE_PROVIDER VARCHAR );
""", [("INSERT INTO ZCALLRECORD VALUES(1,2,1,0,?,63.5,?,'Aminah','my','Kuala Lumpur','com.apple.Telephony')", (COCOA + .5, b"+60123456789")),
      ("INSERT INTO ZCALLRECORD VALUES(2,2,0,1,?,0,'+60198765432',NULL,'my',NULL,'com.apple.Telephony')", (COCOA + 600,))])
make("ios-contacts.sqlite", f"""
CREATE TABLE ABPerson (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, First TEXT, Last TEXT, Organization TEXT, Note TEXT, CreationDate INTEGER, ModificationDate INTEGER);
CREATE TABLE ABMultiValue (UID INTEGER PRIMARY KEY, record_id INTEGER, property INTEGER, identifier INTEGER, label INTEGER, value TEXT);
INSERT INTO ABPerson VALUES(1,'Aminah','Contoh','Pejabat',NULL,{COCOA},{COCOA + 60});
INSERT INTO ABMultiValue VALUES(1,1,3,0,1,'+60123456789');
INSERT INTO ABMultiValue VALUES(2,1,4,0,1,'aminah@contoh.test');
""")
make("ios-manifest.sqlite", """
CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB);
CREATE TABLE Properties (key TEXT PRIMARY KEY, value BLOB);
INSERT INTO Files VALUES('3d0d7e5fb2ce288813306e4d4636395e047a3d28','HomeDomain','Library/SMS/sms.db',1,NULL);
INSERT INTO Files VALUES('31bb7ba8914766d4ba40d6dfb6113c8b614be442','HomeDomain','Library/SMS',2,NULL);
""")
make("android-messages.sqlite", f"""
CREATE TABLE threads (_id INTEGER PRIMARY KEY AUTOINCREMENT, date INTEGER DEFAULT 0, message_count INTEGER DEFAULT 0);
CREATE TABLE sms (_id INTEGER PRIMARY KEY, thread_id INTEGER, address TEXT, person INTEGER, date INTEGER, date_sent INTEGER DEFAULT 0, read INTEGER DEFAULT 0, type INTEGER, body TEXT, service_center TEXT);
INSERT INTO sms VALUES(1,1,'+60123456789',NULL,{S * 1000 + 7},{S * 1000},1,1,'kod anda','+60120000015');
INSERT INTO sms VALUES(2,1,'+60123456789',NULL,{S * 1000 + 60000},0,1,2,'terima kasih',NULL);
INSERT INTO sms VALUES(3,1,'+60123456789',NULL,{S * 1000 + 90000},0,1,2,'sudah dipadam',NULL);
DELETE FROM sms WHERE _id=3;
""")
make("android-calls.sqlite", f"""
CREATE TABLE calls (_id INTEGER PRIMARY KEY AUTOINCREMENT, number TEXT, date INTEGER, duration INTEGER, type INTEGER, name TEXT, countryiso TEXT, geocoded_location TEXT);
CREATE TABLE raw_contacts (_id INTEGER PRIMARY KEY AUTOINCREMENT, account_id INTEGER, display_name TEXT, times_contacted INTEGER, last_time_contacted INTEGER, deleted INTEGER);
CREATE TABLE accounts (_id INTEGER PRIMARY KEY AUTOINCREMENT, account_name TEXT, account_type TEXT);
CREATE TABLE mimetypes (_id INTEGER PRIMARY KEY AUTOINCREMENT, mimetype TEXT NOT NULL);
CREATE TABLE data (_id INTEGER PRIMARY KEY AUTOINCREMENT, mimetype_id INTEGER, raw_contact_id INTEGER, data1 TEXT);
INSERT INTO calls VALUES(1,'+60123456789',{S * 1000},63,1,'Aminah','MY','Malaysia');
INSERT INTO calls VALUES(2,'+60198765432',{S * 1000 + 600000},0,3,NULL,'MY',NULL);
INSERT INTO accounts VALUES(1,'nurul@contoh.test','com.google');
INSERT INTO mimetypes VALUES(1,'vnd.android.cursor.item/phone_v2');
INSERT INTO raw_contacts VALUES(1,1,'Aminah Contoh',3,{S * 1000},0);
INSERT INTO data VALUES(1,1,1,'+60123456789');
""")
make("whatsapp.sqlite", f"""
CREATE TABLE jid (_id INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT NOT NULL, server TEXT NOT NULL, raw_string TEXT);
CREATE TABLE chat (_id INTEGER PRIMARY KEY AUTOINCREMENT, jid_row_id INTEGER UNIQUE, subject TEXT);
CREATE TABLE message (_id INTEGER PRIMARY KEY AUTOINCREMENT, chat_row_id INTEGER NOT NULL, from_me INTEGER NOT NULL, key_id TEXT NOT NULL, sender_jid_row_id INTEGER, timestamp INTEGER, received_timestamp INTEGER, message_type INTEGER, text_data TEXT);
INSERT INTO jid VALUES(1,'60123456789','s.whatsapp.net','60123456789@s.whatsapp.net');
INSERT INTO jid VALUES(2,'60123456789-1600000000','g.us','60123456789-1600000000@g.us');
INSERT INTO chat VALUES(1,1,NULL);
INSERT INTO chat VALUES(2,2,'Keluarga');
INSERT INTO message VALUES(1,1,0,'3A01',0,{S * 1000},{S * 1000 + 900},0,'sudah sampai');
INSERT INTO message VALUES(2,2,1,'3A02',0,{S * 1000 + 60000},0,0,'nanti');
INSERT INTO message VALUES(3,2,0,'3A03',1,{S * 1000 + 90000},{S * 1000 + 91000},0,'baik');
INSERT INTO message VALUES(4,1,1,'3A04',0,{S * 1000 + 99000},0,0,'pesanan yang dipadam');
DELETE FROM message WHERE _id=4;
""")
payload = json.dumps({"displayText": "gaji.xlsx", "activationUri": "ms-excel:ofe|u|file:///C:/Users/nurul/gaji.xlsx", "appDisplayName": "Excel", "description": "C:\\Users\\nurul\\gaji.xlsx", "userTimezone": "Asia/Kuala_Lumpur"})
app = json.dumps([{"application": "Microsoft.Office.EXCEL.EXE.15", "platform": "windows_win32"}, {"application": "{6D809377-6AF0-444B-8957-A3773F02200E}\\Microsoft Office\\EXCEL.EXE", "platform": "x_exe_path"}])
make("activities.sqlite", """
CREATE TABLE Activity (Id GUID PRIMARY KEY NOT NULL, AppId TEXT NOT NULL, AppActivityId TEXT, ActivityType INT NOT NULL, LastModifiedTime DATETIME NOT NULL, ExpirationTime DATETIME, Payload BLOB, PlatformDeviceId TEXT, StartTime DATETIME, EndTime DATETIME, ClipboardPayload BLOB);
CREATE TABLE Activity_PackageId (ActivityId GUID NOT NULL, Platform TEXT NOT NULL, PackageName TEXT NOT NULL, ExpirationTime DATETIME NOT NULL);
""", [("INSERT INTO Activity VALUES(?,?,'x',5,?,?,?,'dev1',?,0,NULL)", (bytes(16), app, S + 5, S + 2592000, payload.encode(), S)),
      ("INSERT INTO Activity VALUES(?,?,'x',10,?,?,?,'dev1',?,?,?)", (bytes(15) + b"1", app, S + 5, S + 2592000, b'{"displayText":"RAHSIA1234"}', S + 9, S + 9, b"RAHSIA1234"))])
make("notifications.sqlite", f"""
CREATE TABLE NotificationHandler (RecordId INTEGER PRIMARY KEY AUTOINCREMENT, PrimaryId TEXT, HandlerType TEXT);
CREATE TABLE Notification ([Order] INTEGER PRIMARY KEY, Id INTEGER, HandlerId INTEGER, Type TEXT, Payload BLOB, ExpiryTime INT64, ArrivalTime INT64);
INSERT INTO NotificationHandler VALUES(7,'Microsoft.Office.OUTLOOK.EXE.15','app:desktop');
""", [("INSERT INTO Notification VALUES(1,55,7,'toast',?,?,?)", (b"<toast><visual><binding><text>Aminah</text></binding></visual></toast>", FILETIME + 10**7, FILETIME))])
make("tcc.sqlite", f"""
CREATE TABLE admin (key TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL);
CREATE TABLE access (service TEXT NOT NULL, client TEXT NOT NULL, client_type INTEGER NOT NULL, auth_value INTEGER NOT NULL, auth_reason INTEGER NOT NULL, auth_version INTEGER NOT NULL, csreq BLOB, indirect_object_identifier TEXT NOT NULL DEFAULT 'UNUSED', last_modified INTEGER NOT NULL DEFAULT 0);
INSERT INTO access VALUES('kTCCServiceCamera','com.contoh.intip',0,2,2,1,NULL,'UNUSED',{S});
INSERT INTO access VALUES('kTCCServiceSystemPolicyAllFiles','/usr/libexec/sshd-keygen-wrapper',1,0,5,1,NULL,'UNUSED',{S + 60});
""")
make("chrome-forms.sqlite", f"""
CREATE TABLE meta(key LONGVARCHAR NOT NULL UNIQUE PRIMARY KEY, value LONGVARCHAR);
CREATE TABLE autofill (name VARCHAR, value VARCHAR, value_lower VARCHAR, date_created INTEGER DEFAULT 0, date_last_used INTEGER DEFAULT 0, count INTEGER DEFAULT 1, PRIMARY KEY (name, value));
INSERT INTO autofill VALUES('shipping-city','Shah Alam','shah alam',{S - 600},{S},2);
INSERT INTO autofill VALUES('login_pin','RAHSIA1234','rahsia1234',{S},{S},1);
""")
make("firefox-forms.sqlite", f"""
CREATE TABLE moz_formhistory (id INTEGER PRIMARY KEY, fieldname TEXT NOT NULL, value TEXT NOT NULL, timesUsed INTEGER, firstUsed INTEGER, lastUsed INTEGER, guid TEXT);
INSERT INTO moz_formhistory VALUES(1,'searchbar-history','cara padam log',2,{(S - 600) * 10**6},{S * 10**6},'a');
INSERT INTO moz_formhistory VALUES(2,'password2','RAHSIA1234',1,{S * 10**6},{S * 10**6},'b');
""")
