import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.payload.objects.addresses import AddressPolicy
from gemini_operator.payload.objects.errors import NotAllowed

PUBLIC = AddressPolicy()

REFUSED = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1"),
    *("127.255.255.254", "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255"),
    *("192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1"),
    "255.255.255.255",
    # v4-compatible, v4-mapped, NAT64, 6to4, Teredo: all lead to a v4 address
    *("::", "::1", "::127.0.0.1", "::10.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1"),
    *("::ffff:8.8.8.8", "::ffff:169.254.169.254", "::ffff:0:8.8.8.8", "64:ff9b::8.8.8.8"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:808:808::1"),
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    *("100::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "3fff::1", "4000::1"),
    *("5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"),
    *("", "localhost", "2130706433", "0x7f.0.0.1", "127.1", "010.0.0.1", "1.1.1.1 ", "[::1]"),
]


@pytest.mark.parametrize("address", REFUSED)
def test_s09_addresses_that_are_not_public(address: str) -> None:
    with pytest.raises(NotAllowed, match="--https-input-allow") as caught:
        PUBLIC.check(address, "example.com")
    assert not address or address not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1"),
        *("168.63.129.15", "168.63.129.17", "192.0.1.1", "198.17.0.1", "223.255.255.255"),
        *("2606:4700::1111", "2001:4860:4860::8888", "2a00:1450:4001:800::200e"),
    ],
)
def test_s09_public_addresses(address: str) -> None:
    assert PUBLIC.check(address, "example.com") == address


@given(st.ip_addresses())
def test_s09_nothing_that_python_calls_private_is_allowed(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert not PUBLIC.allows(address)


@given(st.ip_addresses(v=4))
def test_s09_no_form_of_a_v4_address_as_v6_is_allowed(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    forms = [
        number,
        0xFFFF << 32 | number,
        0xFFFF << 48 | number,
        0x64FF9B << 96 | number,
        0x64FF9B0001 << 80 | number,
        0x2002 << 112 | number << 80,
        0x20010000 << 96 | number,
    ]
    for form in forms:
        assert not PUBLIC.allows(ipaddress.IPv6Address(form))


def test_s09_configured_networks() -> None:
    policy = AddressPolicy(
        deny=(ipaddress.ip_network("93.184.0.0/16"), ipaddress.ip_network("10.1.0.0/16")),
        allow=(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00:1::/32")),
    )
    allowed = ("10.0.0.1", "fd00:1::1", "8.8.8.8")
    refused = ("93.184.216.34", "10.1.2.3", "192.168.0.1", "::ffff:10.0.0.1", "fd00:2::1")
    assert [policy.allows(ipaddress.ip_address(each)) for each in allowed] == [True] * 3
    assert [policy.allows(ipaddress.ip_address(each)) for each in refused] == [False] * 5
