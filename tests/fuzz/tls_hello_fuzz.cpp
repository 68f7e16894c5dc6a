// The ClientHello: any bytes get one answer, no prefix contradicts it, and how the handshake
// message lies in records makes no difference.
#include <algorithm>
#include <cstdlib>

#include "hello.hpp"
#include "routes.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::vector<std::uint8_t> in_records(const std::vector<std::uint8_t>& message, std::size_t size) {
  std::vector<std::uint8_t> wire;
  for (std::size_t at = 0; at < message.size(); at += size) {
    const std::size_t n = std::min(size, message.size() - at);
    for (const std::size_t byte :
         {std::size_t{22}, std::size_t{3}, std::size_t{1}, n >> 8, n & 0xff})
      wire.push_back(static_cast<std::uint8_t>(byte));
    wire.insert(wire.end(), message.begin() + static_cast<std::ptrdiff_t>(at),
                message.begin() + static_cast<std::ptrdiff_t>(at + n));
  }
  return wire;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const tls::Bytes sent(data, size);
  const tls::Reading whole = tls::read_hello(sent);
  // Whoever has decided stays with it; before that it has asked for more.
  for (const std::size_t n : {size / 4, size / 2, size - size / 8}) {
    if (n > size) continue;
    const tls::Reading part = tls::read_hello(sent.first(n));
    require(part == tls::Reading{tls::More{}} || part.index() == whole.index());
  }
  if (const auto* hello = std::get_if<tls::Hello>(&whole)) {
    tls::Routes routes;
    routes.add({"a.example.net", "*.example.net"}, {"h2"}, "");
    const auto name = tls::dns_name(hello->sni);
    if (name) require(tls::dns_name(*name) == name);
    routes.find(name.value_or(""), hello->alpn);
  }
  if (const auto* no = std::get_if<tls::Refused>(&whole)) require(!tls::name_of(no->why).empty());

  // As a handshake message of its own; the first byte says how it is cut.
  if (size < 2 || data[0] == 0) return 0;
  std::vector<std::uint8_t> message = {1, 0, static_cast<std::uint8_t>((size - 1) >> 8),
                                       static_cast<std::uint8_t>(size - 1)};
  message.insert(message.end(), data + 1, data + size);
  if (message.size() > tls::max_hello / 8) return 0;
  require(tls::read_hello(in_records(message, data[0])) ==
          tls::read_hello(in_records(message, 16384)));
  return 0;
}
