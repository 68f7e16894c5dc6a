// The socket filter of a capture: classic BPF, made from the pairs that it is for. Pure.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "net/capture.hpp"

namespace peerhold {

// Not given, or the wildcard.
inline bool any(const Address& address) {
  return !address || address.is_any();
}

// Lets through TCP between the pairs; with many pairs all TCP that bears what a signed or opening
// segment bears, and who asks must look again. Never longer than the kernel takes.
// `wide`: so in any case.
std::vector<sock_filter> capture_filter(const std::vector<Capture::Pair>&, bool wide = false);

}  // namespace peerhold
