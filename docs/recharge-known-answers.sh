#!/usr/bin/env bash
# Makes the known answers of recharge-protocol.md anew with openssl alone and compares them.
# Exit status 0 if all agree. Needs bash, openssl, od, sed; no part of this project.
#
#   docs/recharge-known-answers.sh [recharge-protocol.md]
set -euo pipefail

doc=${1:-$(dirname "$0")/recharge-protocol.md}

master=00112233445566778899AABBCCDDEEFF
version=01
address=202611000001
customer=000000000017
nobody=000000000000
challenge=0102030405060708
zeros=0000000000000000

# --- hexadecimal text ------------------------------------------------------------------------------

upper() { printf '%s' "${1^^}"; }

# abcdef -> efcdab
reversed() {
    local out="" at
    for ((at = ${#1} - 2; at >= 0; at -= 2)); do out+=${1:at:2}; done
    printf '%s' "$out"
}

inverted() {
    local out="" at
    for ((at = 0; at < ${#1}; at += 2)); do out+=$(printf '%02X' $((0x${1:at:2} ^ 0xFF))); done
    printf '%s' "$out"
}

# number, bytes -> low byte first, negative numbers as two's complement
little() {
    local value=$1 out="" at
    for ((at = 0; at < $2; at++)); do
        out+=$(printf '%02X' $((value & 0xFF)))
        value=$((value >> 8))
    done
    printf '%s' "$out"
}

# one 80, then 00 up to a multiple of 8 bytes
padded() {
    local out=${1}80
    while ((${#out} % 16)); do out+="00"; done
    printf '%s' "$out"
}

# address, control, data -> the frame: preamble, +33 on the data, checksum
frame() {
    local body at sum=0
    body=68$(reversed "$1")68$2$(printf '%02X' $((${#3} / 2)))
    for ((at = 0; at < ${#3}; at += 2)); do
        body+=$(printf '%02X' $(((0x${3:at:2} + 0x33) & 0xFF)))
    done
    for ((at = 0; at < ${#body}; at += 2)); do sum=$((sum + 0x${body:at:2})); done
    printf 'FEFEFEFE%s%02X16' "$body" $((sum & 0xFF))
}

# --- openssl -----------------------------------------------------------------------------------------

# openssl 3 keeps single DES in its legacy provider; older ones know no providers.
legacy=()
case $(openssl version) in
"OpenSSL "[3-9]*) legacy=(-provider legacy -provider default) ;;
esac

# algorithm, key, data -> what openssl makes of it, no padding
openssl_hex() {
    local cipher=$1 key=$2 data=$3 options=()
    case $cipher in
    des-cbc) options=("${legacy[@]}" -iv "$zeros") ;;
    des-ede-cbc) options=(-iv "$zeros") ;;
    esac
    # shellcheck disable=SC2001  # two digits at a time is what sed is for
    printf '%b' "$(sed 's/../\\x&/g' <<<"$data")" |
        openssl enc -e "-$cipher" -nopad -K "$key" "${options[@]}" |
        od -An -v -tx1 | tr -d ' \n'
}

# use -> the meter's key for it, 16 bytes
meter_key() {
    local block=$1$version$address
    upper "$(openssl_hex des-ede "$master" "$block$(inverted "$block")")"
}

# cbc KEY DATA, with the algorithm at hand
cbc() { upper "$(openssl_hex "$cbc_name" "$1" "$2")"; }

mac() {
    local out
    out=$(cbc "$mac_key" "$(padded "$1")")
    printf '%s' "${out: -16:8}"
}

# DI, amount, customer, reference, number, epoch -> request frame
money() {
    local plain head
    plain=$(little "$2" 4)$(little "$5" 4)$(reversed "$3")$(little "$6" 2)
    head=$(reversed "$1")$(little "$4" 4)$version$(cbc "$cipher_key" "$plain")
    frame "$address" 03 "$head$(mac "$(reversed "$address")$head")"
}

# --- the comparison ----------------------------------------------------------------------------------

failures=0
checked=0

# algorithm, name, what came out
check() {
    local expected
    expected=$(sed -n "s/^$1  *$2  *\([0-9A-F]*\)\$/\1/p" "$doc")
    checked=$((checked + 1))
    if [[ -n $expected && $expected == "$3" ]]; then
        printf 'ok    %-4s %s\n' "$1" "$2"
    else
        printf 'WRONG %-4s %s\n  document: %s\n  openssl:  %s\n' "$1" "$2" "${expected:-missing}" "$3"
        failures=$((failures + 1))
    fi
}

for algorithm in 3des des; do
    cipher_key=$(meter_key 01)
    mac_key=$(meter_key 02)
    if [[ $algorithm == 3des ]]; then
        cbc_name=des-ede-cbc
    else
        cbc_name=des-cbc
        cipher_key=${cipher_key:0:16}
        mac_key=${mac_key:0:16}
    fi
    check $algorithm cipher-key "$cipher_key"
    check $algorithm mac-key "$mac_key"
    check $algorithm open "$(money 070101FF 0 $customer 0x0A000001 1 7)"
    check $algorithm charge "$(money 070102FF 10000 $customer 0x0A000002 2 7)"
    check $algorithm reverse "$(money 070108FF 10000 $customer 0x0A000003 3 7)"
    check $algorithm clear "$(money 070109FF 0 $customer 0x0A000004 4 7)"
    check $algorithm preset "$(money 070103FF 500 $nobody 0x0A000005 1 8)"

    status=$(reversed 078102FF)
    check $algorithm query "$(frame $address 03 "$status$(little 0 4)$version$challenge")"
    record=$(little 2 4)$(little 7 2)02$(little 0x0A000002 4)$(little 10000 4)
    record+=$(little -250 4)$(little 9750 4)$(little 9688 4)$(little 10000 4)$(reversed $customer)00
    tag=$(mac "$(reversed $address)$status$version$challenge$record")
    check $algorithm status "$(frame $address 83 "$status$record$tag")"
done
check any executed "$(frame $address 83 "$(reversed 070102FF)$(little 2 4)$(little 9750 4)")"
check any cleared "$(frame $address 83 "$(reversed 070109FF)$(little 0 4)$(little 0 4)")"
check any refused "$(frame $address C3 "$(little 0x0020 2)")"

echo "$((checked - failures)) of $checked known answers agree"
((failures == 0))
