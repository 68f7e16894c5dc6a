// Poll: one epoll descriptor of a Loop's own inside libuv's, with everything in it that is polled.
//
// A uv_poll_t for each socket costs four system calls before the first event and two with every
// change of its mask; here it is one each. Called by net, control and keeper.
#include <sys/epoll.h>
#include <uv.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "loop/loop.hpp"

namespace peerhold {

namespace detail {

struct PollBlock {
  PollSet& set;
  Poll::Target* target;
  int fd;
  unsigned mask = 0;
};

// Goes in libuv's close callback, which is after any event that may be running.
struct PollSet {
  uv_poll_t handle{};
  Fd epoll;
  std::size_t open = 0;     // blocks whose owner has not closed them
  std::size_t watched = 0;  // blocks with a mask: with any of them the loop has something to do
  bool dispatching = false;
  bool closed = false;
  std::vector<std::unique_ptr<PollBlock>> gone;  // events that were fetched may still name them

  bool change(PollBlock& block, unsigned mask) {
    epoll_event event{};
    if ((mask & Poll::readable) != 0) event.events |= EPOLLIN;
    if ((mask & Poll::writable) != 0) event.events |= EPOLLOUT;
    event.data.ptr = &block;
    const int what = mask == 0 ? EPOLL_CTL_DEL : block.mask == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(epoll.get(), what, block.fd, &event) < 0 && mask != 0) return false;
    if (block.mask == 0 && watched++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(&handle));
    if (mask == 0 && --watched == 0) uv_unref(reinterpret_cast<uv_handle_t*>(&handle));
    block.mask = mask;
    return true;
  }

  void stop(PollBlock& block) {
    if (block.mask != 0) change(block, 0);
  }

  // The kernel tells errors and hang-ups whether they are wanted or not, and again on each turn.
  void happened(PollBlock& block, std::uint32_t events) {
    if (block.mask == 0) return;  // stopped or closed since the events were fetched
    if (block.target == nullptr) return stop(block);
    if ((events & EPOLLERR) != 0) {
      stop(block);
      return block.target->ready(0, true);
    }
    unsigned seen = 0;
    if ((events & EPOLLIN) != 0) seen |= Poll::readable;
    if ((events & EPOLLOUT) != 0) seen |= Poll::writable;
    seen &= block.mask;
    if (seen == 0) seen = block.mask & (Poll::readable | Poll::writable);  // a hang-up alone
    if (seen != 0) return block.target->ready(seen, false);
    stop(block);  // who waits for errors only: until the owner wants to read or write
  }

  void dispatch() {
    std::array<epoll_event, 256> events;
    const int n = epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), 0);
    dispatching = true;
    for (int i = 0; i < n && !closed; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      happened(*static_cast<PollBlock*>(event.data.ptr), event.events);
    }
    dispatching = false;
    gone.clear();
  }
};

void ClosePollSet::operator()(PollSet* set) const {
  PH_REQUIRE(set->open == 0);
  set->closed = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&set->handle),
           [](uv_handle_t* handle) { delete static_cast<PollSet*>(handle->data); });
}

void ClosePoll::operator()(PollBlock* block) const {
  std::unique_ptr<PollBlock> owned(block);
  block->set.stop(*block);
  --block->set.open;
  if (block->set.dispatching) block->set.gone.push_back(std::move(owned));
}

}  // namespace detail

Result<detail::PollSet*> Loop::poll_set() {
  if (poll_set_ != nullptr) return poll_set_.get();
  auto set = std::make_unique<detail::PollSet>();
  set->epoll.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!set->epoll)
    return error_from_errno(errno, "cannot open an epoll descriptor", Cause::resource);
  if (const int r = uv_poll_init(loop_, &set->handle, set->epoll.get()); r != 0)
    return error_from_errno(-r, "cannot wait for an epoll descriptor", Cause::resource);
  set->handle.data = set.get();
  PH_REQUIRE(uv_poll_start(&set->handle, UV_READABLE, [](uv_poll_t* handle, int, int) {
               static_cast<detail::PollSet*>(handle->data)->dispatch();
             }) == 0);
  uv_unref(reinterpret_cast<uv_handle_t*>(&set->handle));
  poll_set_.reset(set.release());
  return poll_set_.get();
}

Result<Poll> Poll::open(Loop& loop, int fd, Target* target, unsigned events) {
  const auto set = loop.poll_set();
  if (!set) return set.error();
  Poll poll;
  poll.block_.reset(new detail::PollBlock{**set, target, fd});
  ++(*set)->open;
  if (events != 0 && !(*set)->change(*poll.block_, events))
    return error_from_errno(errno, "cannot wait for descriptor " + std::to_string(fd),
                            Cause::resource);
  return poll;
}

void Poll::hand_to(Target* target) {
  block_->target = target;
}

void Poll::want(unsigned events) {
  if (block_->mask != events) PH_REQUIRE(block_->set.change(*block_, events));
}

unsigned Poll::wanted() const {
  return block_->mask;
}

}  // namespace peerhold
