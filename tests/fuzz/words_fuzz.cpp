// Addresses, prefixes, durations, sizes, secrets: all the small words of a configuration.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/endpoint.hpp"
#include "base/secret_text.hpp"
#include "base/units.hpp"

namespace {

// What parses is printed as something that parses to the same.
template <class T>
void round_trip(std::string_view text) {
  const auto value = T::parse(text);
  if (!value) return;
  const auto again = T::parse(value->to_string());
  if (!again || !(*again == *value)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  round_trip<peerhold::Address>(text);
  round_trip<peerhold::Endpoint>(text);
  round_trip<peerhold::Prefix>(text);
  (void)peerhold::Endpoint::parse_address_or_endpoint(text);
  if (const auto duration = peerhold::parse_duration(text)) {
    const auto again = peerhold::parse_duration(peerhold::format_duration(*duration));
    if (!again || *again != *duration) std::abort();
  }
  if (const auto bytes = peerhold::parse_size(text)) {
    const auto again = peerhold::parse_size(peerhold::format_size(*bytes));
    if (!again || *again != *bytes) std::abort();
  }
  (void)peerhold::escape_control(text);
  std::vector<unsigned char> secret(data, data + size);
  (void)peerhold::parse_secret(secret);
  return 0;
}
