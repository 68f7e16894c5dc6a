// Window: where the peer is in the sequence numbers of one link, as far as captured segments tell.
// A pure value. The kernel shows the next number expected from the peer to nobody without
// CAP_NET_ADMIN, but every segment of our own carries it, and what leaves this host cannot be
// forged on the wire. Between our segments it grows by the bytes that the kernel says it has
// received.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace peerhold {

class Window {
 public:
  enum class Place : std::uint8_t {
    unknown,  // no segment of ours was seen yet
    old,      // further back than anybody may still have to send again: somebody's repetition
    fresh,    // bytes that we do not have: no repetition of something that was accepted
    bare,     // nothing new: an acknowledgement, a probe, or what is sent again since our
              // acknowledgement has not arrived; perhaps a repetition, too
    outside,  // beyond anything that we have offered
  };
  // A segment of ours with this acknowledgement; `received` as TCP_INFO has it now.
  void ours(std::uint32_t ack, std::uint64_t received) {
    const auto start = static_cast<std::uint32_t>(ack - received);
    // `received` may have grown since: the highest is right.
    if (!start_ || static_cast<std::int32_t>(start - *start_) > 0) start_ = start;
  }
  Place place(std::uint32_t seq, std::size_t length, std::uint64_t received,
              std::uint32_t window) const {
    if (!start_) return Place::unknown;
    const auto ahead =
        static_cast<std::int32_t>(seq - (*start_ + static_cast<std::uint32_t>(received)));
    if (ahead > static_cast<std::int64_t>(window)) return Place::outside;
    if (ahead + static_cast<std::int64_t>(length) > 0 && length > 0) return Place::fresh;
    return ahead >= -static_cast<std::int64_t>(window) ? Place::bare : Place::old;
  }

 private:
  std::optional<std::uint32_t> start_;  // the number that the peer's first byte had
};

}  // namespace peerhold
