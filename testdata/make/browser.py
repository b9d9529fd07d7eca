#!/usr/bin/env python3
"""Make the databases of browsers in testdata/artifact.

usage: browser.py CHROMIUM_PROFILE OUT_FOLDER

CHROMIUM_PROFILE is the folder "Default" of a profile in which Chromium visited
two pages: History, Cookies and Login Data keep its own schema and rows. The
tables of Firefox, Safari and macOS are made by the schemas of their sources.
"""
import os
import shutil
import sqlite3
import sys

profile, out = sys.argv[1:3]


def fresh(name):
    path = os.path.join(out, name)
    if os.path.exists(path):
        os.remove(path)
    c = sqlite3.connect(path)
    c.execute("PRAGMA secure_delete=0")
    return c


def chromium(source, name, keep, statements):
    path = os.path.join(out, name)
    shutil.copyfile(os.path.join(profile, source), path)
    os.chmod(path, 0o644)
    c = sqlite3.connect(path, isolation_level=None)
    c.execute("PRAGMA secure_delete=0")
    for kind in ("view", "trigger", "index", "table"):
        for (n,) in c.execute("SELECT name FROM sqlite_master WHERE type=? AND name NOT LIKE 'sqlite_%'", (kind,)).fetchall():
            if n not in keep:
                c.execute(f'DROP {kind} "{n}"')
    c.execute("VACUUM")
    for s in statements:
        c.execute(s)
    c.close()


T = 13440328556808541  # 2026-11-28T00:35:56Z, in microseconds since 1601
chromium("History", "chrome-history.sqlite", ["meta", "urls", "visits", "downloads", "downloads_url_chains", "keyword_search_terms"], [
    "DELETE FROM urls WHERE url LIKE 'data:%'",
    "DELETE FROM visits WHERE url NOT IN (SELECT id FROM urls)",
    f"INSERT INTO urls(id,url,title,visit_count,typed_count,last_visit_time,hidden) VALUES(10,'https://cari.contoh.test/?q=gaji','Cari',2,1,{T},0)",
    f"INSERT INTO visits(id,url,visit_time,from_visit,transition,visit_duration) VALUES(10,10,{T + 5000000},2,1,250000)",
    "INSERT INTO keyword_search_terms VALUES(2,10,'gaji','gaji')",
    f"INSERT INTO urls(id,url,title,visit_count,typed_count,last_visit_time,hidden) VALUES(11,'https://rahsia.contoh.test/dipadam','Dipadam',1,0,{T},0)",
    "DELETE FROM urls WHERE id=11",
    f"INSERT INTO downloads(id,guid,current_path,target_path,start_time,received_bytes,total_bytes,state,danger_type,interrupt_reason,hash,end_time,opened,last_access_time,transient,referrer,site_url,embedder_download_data,tab_url,tab_referrer_url,http_method,by_ext_id,by_ext_name,by_web_app_id,etag,last_modified,mime_type,original_mime_type) VALUES(1,'6f0c','/home/nurul/Downloads/muat.bin','/home/nurul/Downloads/muat.bin',{T + 9000000},5000,5000,1,0,0,x'{'c0' * 32}',{T + 9500000},1,0,0,'http://127.0.0.1:8931/index.html','','','http://127.0.0.1:8931/index.html','','GET','','','','','','application/octet-stream','application/octet-stream')",
    "INSERT INTO downloads_url_chains VALUES(1,0,'http://127.0.0.1:8931/muat.bin')",
])
chromium("Cookies", "chrome-cookies.sqlite", ["meta", "cookies"], [
    "UPDATE cookies SET encrypted_value=x'', value='RAHSIA123456'",
])
chromium("Login Data", "chrome-logins.sqlite", ["meta", "logins"], [
    f"INSERT INTO logins(origin_url,username_value,password_value,signon_realm,date_created,blacklisted_by_user,scheme,times_used,date_last_used,date_password_modified) VALUES('https://portal.contoh.test/masuk','nurul',x'52414853494131323334','https://portal.contoh.test/',{T},0,0,3,{T},{T})",
])

M = 1795854956000000  # 2026-11-28T08:35:56Z, in microseconds since 1970
c = fresh("firefox-places.sqlite")
c.executescript(f"""
CREATE TABLE moz_places (id INTEGER PRIMARY KEY, url LONGVARCHAR, title LONGVARCHAR, rev_host LONGVARCHAR, visit_count INTEGER DEFAULT 0, hidden INTEGER DEFAULT 0 NOT NULL, typed INTEGER DEFAULT 0 NOT NULL, frecency INTEGER DEFAULT -1 NOT NULL, last_visit_date INTEGER, guid TEXT, foreign_count INTEGER DEFAULT 0 NOT NULL, url_hash INTEGER DEFAULT 0 NOT NULL, description TEXT, preview_image_url TEXT, site_name TEXT, origin_id INTEGER);
CREATE TABLE moz_historyvisits (id INTEGER PRIMARY KEY, from_visit INTEGER, place_id INTEGER, visit_date INTEGER, visit_type INTEGER, session INTEGER, source INTEGER DEFAULT 0 NOT NULL, triggeringPlaceId INTEGER);
CREATE TABLE moz_anno_attributes (id INTEGER PRIMARY KEY, name VARCHAR(32) UNIQUE NOT NULL);
CREATE TABLE moz_annos (id INTEGER PRIMARY KEY, place_id INTEGER NOT NULL, anno_attribute_id INTEGER, content LONGVARCHAR, flags INTEGER DEFAULT 0, expiration INTEGER DEFAULT 0, type INTEGER DEFAULT 0, dateAdded INTEGER DEFAULT 0, lastModified INTEGER DEFAULT 0);
INSERT INTO moz_places(id,url,title,visit_count,last_visit_date) VALUES(1,'https://portal.contoh.test/','Portal',1,{M}),(2,'https://portal.contoh.test/muat.bin','muat.bin',0,{M}),(3,'https://rahsia.contoh.test/','Dipadam',1,{M});
DELETE FROM moz_places WHERE id=3;
INSERT INTO moz_historyvisits VALUES(1,0,1,{M},2,0,0,NULL);
INSERT INTO moz_anno_attributes VALUES(4,'downloads/destinationFileURI'),(5,'downloads/metaData');
INSERT INTO moz_annos(id,place_id,anno_attribute_id,content,dateAdded) VALUES(1,2,4,'file:///home/nurul/Downloads/muat.bin',{M + 1000000}),(2,2,5,'{{"state":1,"endTime":1795854958000,"fileSize":5000}}',{M + 1000000});
""")
c.close()
c = fresh("firefox-cookies.sqlite")
c.executescript(f"""
CREATE TABLE moz_cookies (id INTEGER PRIMARY KEY, originAttributes TEXT NOT NULL DEFAULT '', name TEXT, value TEXT, host TEXT, path TEXT, expiry INTEGER, lastAccessed INTEGER, creationTime INTEGER, isSecure INTEGER, isHttpOnly INTEGER, inBrowserElement INTEGER DEFAULT 0, sameSite INTEGER DEFAULT 0, rawSameSite INTEGER DEFAULT 0, schemeMap INTEGER DEFAULT 0, CONSTRAINT moz_uniqueid UNIQUE (name, host, path, originAttributes));
INSERT INTO moz_cookies(id,name,value,host,path,expiry,lastAccessed,creationTime,isSecure,isHttpOnly) VALUES(1,'sesi','RAHSIA123456','.contoh.test','/',1795941356,{M},{M},1,1);
""")
c.close()
c = fresh("safari-history.sqlite")
c.executescript("""
CREATE TABLE history_items (id INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT NOT NULL UNIQUE, domain_expansion TEXT NULL, visit_count INTEGER NOT NULL);
CREATE TABLE history_visits (id INTEGER PRIMARY KEY AUTOINCREMENT, history_item INTEGER NOT NULL REFERENCES history_items(id) ON DELETE CASCADE, visit_time REAL NOT NULL, title TEXT NULL, load_successful BOOLEAN NOT NULL DEFAULT 1, redirect_source INTEGER NULL);
INSERT INTO history_items VALUES(1,'https://portal.contoh.test/','contoh',1);
INSERT INTO history_visits VALUES(1,1,817547756.5,'Portal',1,NULL);
""")
c.close()
c = fresh("quarantine.sqlite")
c.executescript("""
CREATE TABLE LSQuarantineEvent ( LSQuarantineEventIdentifier TEXT PRIMARY KEY NOT NULL, LSQuarantineTimeStamp REAL, LSQuarantineAgentBundleIdentifier TEXT, LSQuarantineAgentName TEXT, LSQuarantineDataURLString TEXT, LSQuarantineSenderName TEXT, LSQuarantineSenderAddress TEXT, LSQuarantineTypeNumber INTEGER, LSQuarantineOriginTitle TEXT, LSQuarantineOriginURLString TEXT, LSQuarantineOriginAlias BLOB );
INSERT INTO LSQuarantineEvent VALUES('D7A1C7F0-0000-4000-8000-000000000001',817547760.25,'com.apple.Safari','Safari','https://portal.contoh.test/muat.dmg',NULL,NULL,0,'Portal','https://portal.contoh.test/',NULL);
INSERT INTO LSQuarantineEvent VALUES('D7A1C7F0-0000-4000-8000-000000000002',817547761,'com.apple.mail','Mail','https://rahsia.contoh.test/padam.zip','Aminah','aminah@contoh.test',0,NULL,NULL,NULL);
DELETE FROM LSQuarantineEvent WHERE LSQuarantineEventIdentifier LIKE '%2';
""")
c.close()
