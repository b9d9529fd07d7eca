"""Writes scheduled tasks and what was typed into PowerShell: tasks.py FOLDER. The .job file follows [MS-TSCH] 2.4, the XML
[MS-TSCH] 2.5; histories and transcripts are as PowerShell writes them."""
import struct
import sys
import uuid


def put(name, data):
    open(sys.argv[1] + "/" + name, "wb").write(data)


put("sample.ConsoleHost_history.txt", '''whoami /all\r\nGet-ChildItem C:\\Users\\nurul |`\r\n  Where-Object { $_.Length -gt 1MB }\r\n$pass = ConvertTo-SecureString "Rahsia123!" -AsPlainText -Force\r\nnet user pentadbir K4ta-Laluan /add\r\nInvoke-WebRequest https://contoh.example/alat.exe -OutFile alat.exe\r\n'''.encode())
stars = "**********************\r\n"
put("sample.transcript.txt", b"\xef\xbb\xbf" + (stars + '''Windows PowerShell transcript start\r\nStart time: 20260715093015\r\nUsername: CONTOH\\nurul\r\nRunAs User: CONTOH\\nurul\r\nConfiguration Name: \r\nMachine: PC-7 (Microsoft Windows NT 10.0.19045.0)\r\nHost Application: C:\\WINDOWS\\System32\\WindowsPowerShell\\v1.0\\powershell.exe\r\nProcess ID: 4312\r\nPSVersion: 5.1.19041.4648\r\n''' + stars + stars + "Command start time: 20260715093021\r\n" + stars + '''PS C:\\Users\\nurul> whoami\r\ncontoh\\nurul\r\n''' + stars + "Command start time: 20260715093044\r\n" + stars + '''PS C:\\Users\\nurul> net user pentadbir K4ta-Laluan /add\r\nThe command completed successfully.\r\n\r\n''' + stars + "Windows PowerShell transcript end\r\nEnd time: 20260715093102\r\n" + stars).encode())
xml = '''<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Date>2026-07-15T09:31:00.1234567</Date>
    <Author>CONTOH\\nurul</Author>
    <URI>\\Kemas Kini</URI>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger><Enabled>true</Enabled></LogonTrigger>
    <CalendarTrigger><StartBoundary>2026-07-16T03:00:00</StartBoundary><Enabled>true</Enabled><ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay></CalendarTrigger>
  </Triggers>
  <Principals><Principal id="Author"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>
  <Settings><Hidden>true</Hidden><Enabled>true</Enabled></Settings>
  <Actions Context="Author">
    <Exec><Command>C:\\Users\\Public\\kemas.exe</Command><Arguments>-k --password Rahsia1</Arguments><WorkingDirectory>C:\\Users\\Public</WorkingDirectory></Exec>
    <ComHandler><ClassId>{A6BA00FE-40E8-477C-B713-C64A14F18ADB}</ClassId><Data>x</Data></ComHandler>
  </Actions>
</Task>
'''.replace("\n", "\r\n")
put("sample.task.xml", b"\xff\xfe" + xml.encode("utf-16-le"))


def text(s):
    return struct.pack("<H", len(s) + 1) + (s + "\0").encode("utf-16-le")


body = struct.pack("<H", 0) + text("C:\\WINDOWS\\system32\\cmd.exe") + text("/c C:\\kemas.bat") + text("C:\\") + text("SYSTEM") + text("Created by NetScheduleJobAdd.")
body += struct.pack("<HH8x", 0, 8)
trigger = 68 + len(body)
body += struct.pack("<H", 1) + struct.pack("<10H4I6H", 48, 0, 2010, 7, 15, 0, 0, 0, 3, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0)
head = struct.pack("<HH", 0x0501, 1) + uuid.UUID("6f1d2a3b-0000-4000-8000-0123456789ab").bytes_le
head += struct.pack("<6H", 70, trigger, 0, 0, 60, 10) + struct.pack("<5I", 0x20, 259200000, 0, 0x00041300, 0x00200000) + struct.pack("<8H", 2010, 7, 4, 15, 3, 0, 0, 125)
put("sample.job", head + body)
