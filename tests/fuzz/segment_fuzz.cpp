// A packet from the wire, and the digest over it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/segment.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace peerhold;
  static const Secret key = [] {
    std::string text = "key";
    return *Secret::take({reinterpret_cast<unsigned char*>(text.data()), text.size()});
  }();
  const auto segment = Segment::parse({data, size});
  if (!segment) return 0;
  if (segment->length > size || segment->from.address.family != segment->to.address.family)
    std::abort();
  const bool same = segment->signed_with(key);
  if (same && !segment->is_signed()) std::abort();
  if (segment->signed_with(key, segment->from, segment->to) != same) std::abort();
  return 0;
}
