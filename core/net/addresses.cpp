// Tells when this host's addresses or links change (rtnetlink(7)), so that what waits for an
// address need not wait for its backoff. Owned by the keeper.
#include "net/addresses.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/fd.hpp"

namespace peerhold {
namespace {

// An interface that comes up is many messages: one call for all that arrive within this.
constexpr Milliseconds settle{20};

class Watch final : public AddressWatch, private Poll::Target {
 public:
  Watch(Loop& loop, Fd fd, std::function<void()> changed)
      : fd_(std::move(fd)), timer_(loop, std::move(changed)) {}

  Result<void> start(Loop& loop) {
    auto poll = Poll::open(loop, fd_.get(), this, Poll::readable);
    if (!poll) return std::move(poll).error();
    poll_ = std::move(*poll);
    return {};
  }

 private:
  // What changed does not matter, nor what was lost to a full buffer (the error that `broken` is).
  void ready(unsigned, bool) override {
    char buffer[16384];
    ssize_t n = 0;
    while ((n = recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0 ||
           (n < 0 && (errno == ENOBUFS || errno == EINTR))) {
    }
    poll_.want(Poll::readable);
    if (!timer_.running()) timer_.start(settle);
  }

  Fd fd_;
  Poll poll_;
  Timer timer_;
};

}  // namespace

Result<std::unique_ptr<AddressWatch>> AddressWatch::open(Loop& loop,
                                                         std::function<void()> changed) {
  Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (!fd || bind(fd.get(), reinterpret_cast<sockaddr*>(&groups), sizeof groups) < 0)
    return error_from_errno(errno, "cannot watch this host's addresses (rtnetlink)",
                            Cause::resource);
  auto watch = std::make_unique<Watch>(loop, std::move(fd), std::move(changed));
  if (auto started = watch->start(loop); !started) return std::move(started).error();
  return std::unique_ptr<AddressWatch>(std::move(watch));
}

}  // namespace peerhold
