// Called by read_hello() first. HTTP by its methods (RFC 9110 §9, the preface of RFC 9113 §3.4),
// SSL 2.0 by its hello (RFC 5246 appendix E.2), DTLS by its record version (RFC 9147 §4).
#include "stranger.hpp"

#include <algorithm>
#include <string_view>

namespace tls {
namespace {

constexpr std::string_view methods[] = {"GET ",     "HEAD ",  "POST ",  "PUT ",     "DELETE ",
                                        "CONNECT ", "TRACE ", "PATCH ", "OPTIONS ", "PRI * HTTP"};

bool is_text(std::uint8_t byte) {
  return (byte >= 0x20 && byte < 0x7f) || byte == '\r' || byte == '\n' || byte == '\t';
}

Reading text(Bytes sent) {
  const std::string start(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(
                                                           std::min<std::size_t>(sent.size(), 16)));
  for (const std::string_view method : methods) {
    if (start.starts_with(method))
      return Refused{Refusal::http, "HTTP without TLS, \"" + start + "\""};
    if (method.starts_with(start)) return More{};
  }
  return Refused{Refusal::plain_text, "plain text, \"" + start + "\""};
}

}  // namespace

std::optional<Reading> strange(Bytes sent) {
  constexpr std::uint8_t first_type = 20, handshake_type = 22, last_type = 24;
  if (sent.empty()) return More{};
  if (is_text(sent[0])) return text(sent);
  const bool record = sent[0] >= first_type && sent[0] <= last_type;
  const bool may_be_sslv2 = (sent[0] & 0x80) != 0;
  if (record || may_be_sslv2) {
    if (sent.size() < 2) return More{};
    if (record && sent[1] == 0xfe) return Refused{Refusal::dtls, "DTLS, which is TLS over UDP"};
    if (record && sent[1] == 3) {
      if (sent[0] == handshake_type) return std::nullopt;
      return Refused{Refusal::not_hello, "a TLS record of type " + std::to_string(sent[0]) +
                                             " where a ClientHello belongs"};
    }
    if (may_be_sslv2 && sent.size() < 3) return More{};
    if (may_be_sslv2 && sent[2] == 1) return Refused{Refusal::sslv2, "a hello of SSL 2.0"};
  }
  return Refused{Refusal::not_tls, "neither TLS nor text, first byte " + std::to_string(sent[0])};
}

}  // namespace tls
