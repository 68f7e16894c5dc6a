// The bytes of PROXY headers, against the text of the specification.
#include <doctest/doctest.h>
#include <peerhold/proxy_v2.h>

#include <string>
#include <vector>

namespace {

ph_addr v4(std::uint8_t last, std::uint16_t port) {
  return {4, 0, port, {192, 0, 2, last}};
}
ph_addr v6(std::uint8_t last, std::uint16_t port) {
  return {6, 0, port, {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last}};
}
std::string hex(const ph_proxy_v2& header) {
  std::string out;
  for (std::size_t i = 0; i < header.size; ++i) {
    const char* digits = "0123456789abcdef";
    out += digits[header.bytes[i] >> 4];
    out += digits[header.bytes[i] & 15];
  }
  return out;
}
ph_proxy_v2 begun(const ph_addr& source, const ph_addr& target) {
  ph_proxy_v2 header;
  ph_proxy_v2_begin(&header, &source, &target);
  return header;
}
const std::string signature = "0d0a0d0a000d0a515549540a";

}  // namespace

TEST_CASE("addresses of each family") {
  CHECK(hex(begun(v4(1, 41000), v4(2, 179))) == signature +
                                                    "21"
                                                    "11"
                                                    "000c"
                                                    "c0000201"
                                                    "c0000202"
                                                    "a028"
                                                    "00b3");
  CHECK(hex(begun(v6(1, 41000), v6(2, 179))) == signature +
                                                    "21"
                                                    "21"
                                                    "0024"
                                                    "20010db8000000000000000000000001"
                                                    "20010db8000000000000000000000002"
                                                    "a028"
                                                    "00b3");
  CHECK(hex(begun(v4(1, 1), v6(2, 2))) == signature +
                                              "21"
                                              "21"
                                              "0024"
                                              "00000000000000000000ffffc0000201"
                                              "20010db8000000000000000000000002"
                                              "0001"
                                              "0002");
}

TEST_CASE("no address: the receiver is told that there is none") {
  CHECK(hex(begun(ph_addr{}, v4(2, 2))) == signature +
                                               "21"
                                               "00"
                                               "0000");
  CHECK(hex(begun(v4(2, 2), ph_addr{})) == signature +
                                               "21"
                                               "00"
                                               "0000");
}

TEST_CASE("TLVs are counted in the length, and what does not fit changes nothing") {
  auto header = begun(v4(1, 1), v4(2, 2));
  CHECK(ph_proxy_v2_tlv(&header, PH_PROXY_AUTHORITY, "a.example", 9) == PH_OK);
  CHECK(ph_proxy_v2_tlv(&header, PH_PROXY_NOOP, nullptr, 0) == PH_OK);
  CHECK(hex(header) == signature +
                           "21"
                           "11"
                           "001b"
                           "c0000201"
                           "c0000202"
                           "0001"
                           "0002"
                           "02"
                           "0009"
                           "612e6578616d706c65"
                           "04"
                           "0000");
  const auto before = header;
  const std::vector<char> big(PH_PROXY_V2_MAX, 'x');
  CHECK(ph_proxy_v2_tlv(&header, PH_PROXY_ALPN, big.data(), big.size()) == PH_ENOMEM);
  CHECK(ph_proxy_v2_tlv(&header, PH_PROXY_ALPN, big.data(), SIZE_MAX) == PH_ENOMEM);
  CHECK(hex(header) == hex(before));
  const std::size_t rest = PH_PROXY_V2_MAX - header.size - 3;
  CHECK(ph_proxy_v2_tlv(&header, PH_PROXY_ALPN, big.data(), rest + 1) == PH_ENOMEM);
  CHECK(ph_proxy_v2_tlv(&header, PH_PROXY_ALPN, big.data(), rest) == PH_OK);
  CHECK(header.size == PH_PROXY_V2_MAX);
}
