// An AF_PACKET socket with a filter (packet(7), socket(7)), read on the loop. Opened by the
// follower of keys and by the diagnosis, for as long as they look for something. Owns its socket
// and the one buffer it reads into: the loop's scratch buffer may be filled again by whoever is
// called.
#include "net/capture.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/fd.hpp"
#include "net/capture_filter.hpp"

namespace peerhold {
namespace {

constexpr int segments_a_turn = 64;  // a flood of them must not starve live links
constexpr std::size_t largest_packet = 40 + 65535;
constexpr int queue = 4 << 20;  // what waits in the kernel; only as much as it allows

// Without the scope: it is not on the wire.
bool fits(const Address& wanted, const Address& seen) {
  if (!wanted) return true;
  return wanted.family == seen.family && (wanted.is_any() || wanted.bytes == seen.bytes);
}
bool fits(const Endpoint& wanted, const Endpoint& seen) {
  return (wanted.port == 0 || wanted.port == seen.port) && fits(wanted.address, seen.address);
}
bool by_peer(const Capture::Pair& a, const Capture::Pair& b) {
  return a.peer.address.bytes < b.peer.address.bytes;
}

// A thousand links are looked through for each segment of each of them.
class Pairs {
 public:
  explicit Pairs(const std::vector<Capture::Pair>& pairs) {
    for (const Capture::Pair& pair : pairs)
      (any(pair.peer.address) ? of_anybody_ : sorted_).push_back(pair);
    std::sort(sorted_.begin(), sorted_.end(), by_peer);
  }

  const Capture::Pair* find(const Endpoint& local, const Endpoint& peer, bool opening) const {
    const auto is = [&](const Capture::Pair& pair) {
      return (opening || !pair.opening) && fits(pair.local, local) && fits(pair.peer, peer);
    };
    const auto same =
        std::equal_range(sorted_.begin(), sorted_.end(), Capture::Pair{{}, peer, false}, by_peer);
    for (auto pair = same.first; pair != same.second; ++pair)
      if (is(*pair)) return &*pair;
    for (const Capture::Pair& pair : of_anybody_)
      if (is(pair)) return &pair;
    return nullptr;
  }

 private:
  std::vector<Capture::Pair> sorted_, of_anybody_;
};

class Tap final : public Capture, private Poll::Target {
 public:
  Tap(Fd fd, const std::vector<Pair>& only, std::function<void(const Segment&)> seen)
      : pairs_(only),
        seen_(std::move(seen)),
        buffer_(std::make_unique<std::uint8_t[]>(largest_packet)),
        fd_(std::move(fd)) {}
  ~Tap() override {
    if (gone_ != nullptr) *gone_ = true;
  }

  Result<void> start(Loop& loop) {
    auto poll = Poll::open(loop, fd_.get(), this, Poll::readable);
    if (!poll) return std::move(poll).error();
    poll_ = std::move(*poll);
    return {};
  }

 private:
  void rest(int room) override {
    resting_ = true;
    poll_.want(Poll::errors);
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  }

  bool drain(int most) override { return read(most); }

  void ready(unsigned, bool) override { read(segments_a_turn); }

  // Whether all was read.
  bool read(int most) {
    bool gone = false, all = false;
    gone_ = &gone;
    auto seen = std::move(seen_);
    auto buffer = std::move(buffer_);  // the segment's bytes, and what is called, may outlive us
    for (int i = 0; i < most; ++i) {
      sockaddr_ll device{};
      socklen_t size = sizeof device;
      const ssize_t n = recvfrom(fd_.get(), buffer.get(), largest_packet, MSG_DONTWAIT | MSG_TRUNC,
                                 reinterpret_cast<sockaddr*>(&device), &size);
      if (n < 0 && (errno == EINTR || errno == ENETDOWN)) continue;  // some device went down
      all = n < 0;
      if (all) break;
      const auto got = static_cast<std::size_t>(n);
      if (got > largest_packet) continue;
      auto segment = Segment::parse({buffer.get(), got});
      if (!segment || !wanted(*segment, device)) continue;
      seen(*segment);
      if (gone) return true;
    }
    gone_ = nullptr;
    seen_ = std::move(seen);
    buffer_ = std::move(buffer);
    poll_.want(resting_ ? Poll::errors : Poll::readable);
    return all;
  }

  // Which way it goes, and whether it is one of ours at all (the filter may let more through).
  bool wanted(Segment& s, const sockaddr_ll& device) const {
    const bool loopback = device.sll_hatype == ARPHRD_LOOPBACK;  // it leaves and arrives at once
    const bool opening = (s.flags & Segment::syn) != 0;
    const Pair* pair = nullptr;
    if (loopback || device.sll_pkttype != PACKET_OUTGOING)
      pair = pairs_.find(s.to, s.from, opening);
    s.outgoing = pair == nullptr;
    if (pair == nullptr && (loopback || device.sll_pkttype == PACKET_OUTGOING))
      pair = pairs_.find(s.from, s.to, opening);
    if (pair == nullptr) return false;
    (s.outgoing ? s.from : s.to).address.scope = pair->local.address.scope;
    (s.outgoing ? s.to : s.from).address.scope = pair->peer.address.scope;
    return true;
  }

  Pairs pairs_;
  std::function<void(const Segment&)> seen_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  bool* gone_ = nullptr;
  bool resting_ = false;
  Fd fd_;
  Poll poll_;  // below fd_: leaves the epoll before the fd closes
};

Error refused(int err) {
  Error error = error_from_errno(err, "cannot look at segments on the wire", Cause::resource);
  if (err == EPERM)
    error.text +=
        "; that needs CAP_NET_RAW: AmbientCapabilities=CAP_NET_RAW in the unit file "
        "(peerhold.service "
        "has it), or `setcap cap_net_raw+ep` on the program";
  if (err == ENOMEM) error.text += "; is there room in net.core.optmem_max?";
  return error;
}

}  // namespace

Result<std::unique_ptr<Capture>> Capture::open(Loop& loop, const std::vector<Pair>& only,
                                               std::function<void(const Segment&)> seen) {
  // Of no protocol until it is bound: nothing is taken in before the filter stands. ETH_P_ALL,
  // since only that shows what leaves.
  Fd fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return refused(errno);
  const auto attach = [&](bool wide) {
    std::vector<sock_filter> code = capture_filter(only, wide);
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    return setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
  };
  sockaddr_ll every{};
  every.sll_family = AF_PACKET;
  every.sll_protocol = htons(ETH_P_ALL);
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue);
  if (!(attach(false) || (errno == ENOMEM && attach(true))) ||
      bind(fd.get(), reinterpret_cast<sockaddr*>(&every), sizeof every) < 0)
    return refused(errno);
  auto tap = std::make_unique<Tap>(std::move(fd), only, std::move(seen));
  if (auto started = tap->start(loop); !started) return std::move(started).error();
  return std::unique_ptr<Capture>(std::move(tap));
}

}  // namespace peerhold
