#!/bin/sh
# Has Chromium visit two pages of a server of our own and prints the folder of
# its profile, for browser.py.
set -eu
dir=$(mktemp -d)
mkdir "$dir/www"
echo '<title>Pekeliling Contoh</title><h1>x</h1>' > "$dir/www/index.html"
python3 - "$dir/www" <<'PY' &
import http.server
import os
import sys
import time

os.chdir(sys.argv[1])


class Handler(http.server.SimpleHTTPRequestHandler):
    def end_headers(self):
        self.send_header("Set-Cookie", "sesi=RAHSIA123456; Max-Age=86400; Path=/; HttpOnly")
        super().end_headers()

    def log_message(self, *args):
        pass


s = http.server.HTTPServer(("127.0.0.1", 8931), Handler)
s.timeout = 1
end = time.time() + 30
while time.time() < end:
    s.handle_request()
PY
sleep 1
for page in index.html 'index.html?q=2'; do
	chromium --headless=new --no-sandbox --disable-gpu --user-data-dir="$dir/profile" --timeout=4000 --dump-dom "http://127.0.0.1:8931/$page" > /dev/null 2>&1
done
wait
echo "$dir/profile/Default"
