#!/bin/sh
# Writes Asterisk's configuration for this container into /run (a tmpfs: the root may be read-only) and becomes Asterisk.
# Passwords come from files and go into files: no argument and no environment variable ever holds one.
set -eu
umask 027

run=/run/pbx112-asterisk
etc=$run/etc
ours=/usr/share/pbx112

refuse() {
    echo "asterisk: $1" >&2
    exit 78
}

# A secret's one line, for the caller's variable; letters, digits and a few signs, so that no line of a file can be broken.
secret() {
    [ -r "/run/secrets/$1" ] || refuse "secret $1 is missing: put it into docker/secrets/$1 (docker/README.md)"
    IFS= read -r word < "/run/secrets/$1" || [ -n "$word" ] || refuse "secret $1 is empty"
    case $word in
        "" | *[!A-Za-z0-9_-]*) refuse "secret $1: use letters, digits, _ and - alone (openssl rand -hex 24)" ;;
    esac
}

number() {
    case $2 in
        "" | *[!0-9]*) refuse "$1=$2: not a number" ;;
    esac
}

# Addresses and names that become part of a file.
plain() {
    case $2 in
        *[!A-Za-z0-9.:/_,-]*) refuse "$1=$2: not an address or a name" ;;
    esac
}

: "${PBX112_NODE:=pbx112}" "${SIP_BIND:=0.0.0.0:5060}" "${RTP_START:=10000}" "${RTP_END:=20000}"
: "${EXTERNAL_ADDRESS:=}" "${LOCAL_NETS:=}"
number RTP_START "$RTP_START"
number RTP_END "$RTP_END"
plain PBX112_NODE "$PBX112_NODE"
plain SIP_BIND "$SIP_BIND"
plain EXTERNAL_ADDRESS "$EXTERNAL_ADDRESS"
plain LOCAL_NETS "$LOCAL_NETS"

mkdir -p "$etc"
cp -R /etc/asterisk/. "$etc"/
cp "$ours"/*.conf "$etc"/

cat > "$run/asterisk.conf" << EOF
[directories]
astetcdir => $etc
astrundir => $run
[options]
systemname = $PBX112_NODE
live_dangerously = no
EOF

secret pbx112_ari_password
cat > "$etc/ari.conf" << EOF
[general]
enabled=yes
websocket_write_timeout=1000
[pbx112]
type=user
read_only=no
password=$word
EOF

secret pbx112_ami_password
cat > "$etc/manager.conf" << EOF
[general]
enabled=yes
bindaddr=127.0.0.1
port=5038
[pbx112]
secret=$word
deny=0.0.0.0/0.0.0.0
permit=127.0.0.1/255.255.255.255
read=system,call,reporting
write=reporting
writetimeout=1000
EOF

cat > "$etc/rtp.conf" << EOF
[general]
rtpstart=$RTP_START
rtpend=$RTP_END
strictrtp=yes
icesupport=no
EOF

# The office's own files; one that is closed to this user Asterisk would leave out without a word.
for file in /etc/pbx112-pjsip/*.conf; do
    if [ -e "$file" ] && [ ! -r "$file" ]; then
        echo "asterisk: $file cannot be read: its trunks and phones are unknown (chgrp 10113, chmod 0640)" >&2
    fi
done

{
    cat << EOF
[global]
type=global
user_agent=pbx112
endpoint_identifier_order=ip,username
[udp]
type=transport
protocol=udp
bind=$SIP_BIND
EOF
    # Behind NAT: what the world sees, and who is inside and sees the address itself.
    if [ -n "$EXTERNAL_ADDRESS" ]; then
        echo "external_media_address=$EXTERNAL_ADDRESS"
        echo "external_signaling_address=$EXTERNAL_ADDRESS"
        for net in $(echo "$LOCAL_NETS" | tr , ' '); do
            echo "local_net=$net"
        done
    fi
    # Phones and trunks are the office's own files.
    echo '#tryinclude "/etc/pbx112-pjsip/*.conf"'
} > "$etc/pjsip.conf"

# Made from agencies.yaml by the service `prepare`.
[ -r /etc/asterisk/pbx112/pbx112.conf ] || refuse "there is no /etc/asterisk/pbx112/pbx112.conf: does 'prepare' run before?"
printf '#include "/etc/asterisk/pbx112/pbx112.conf"\n' > "$etc/pbx112.conf"
printf '[general]\n[logfiles]\nconsole => notice,warning,error\n' > "$etc/logger.conf"

exec /usr/sbin/asterisk -f -C "$run/asterisk.conf"
