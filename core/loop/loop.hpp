// RAII over libuv: the only folder that includes <uv.h>.
//
// Rule: destroying an owner closes its handle; libuv finishes that on a later
// turn, so each handle lives in a block that its close callback deletes. Every owner here may be
// destroyed inside its own callback. All of it is loop-thread only, but for Wake::send.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/result.hpp"
#include "base/units.hpp"

struct uv_loop_s;

namespace peerhold {

namespace detail {
struct PollSet;
struct ClosePollSet {
  void operator()(PollSet*) const;
};
}  // namespace detail

class Loop {
 public:
  Loop();                           // owns a loop
  explicit Loop(uv_loop_s* given);  // runs on a loop that somebody else owns and runs
  ~Loop();  // an owned loop is drained: every handle must have been closed by its owner
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  uv_loop_s* raw() const { return loop_; }
  void run();  // until nothing is left to wait for, or stop()
  void stop();
  bool turn();  // one pass without waiting; false when nothing is alive (tests)
  SteadyTime now() const { return std::chrono::steady_clock::now(); }
  // One scratch buffer receives for every link (256 KiB); valid until the next read.
  std::span<std::uint8_t> scratch();

 private:
  friend class Poll;
  Result<detail::PollSet*> poll_set();

  std::unique_ptr<uv_loop_s> own_;
  uv_loop_s* loop_;
  std::unique_ptr<std::uint8_t[]> scratch_;
  std::unique_ptr<detail::PollSet, detail::ClosePollSet> poll_set_;
};

namespace detail {
struct TimerBlock;
struct PollBlock;
struct SignalBlock;
struct WakeBlock;
struct CloseTimer {
  void operator()(TimerBlock*) const;
};
struct ClosePoll {
  void operator()(PollBlock*) const;
};
struct CloseSignal {
  void operator()(SignalBlock*) const;
};
struct CloseWake {
  void operator()(WakeBlock*) const;
};
}  // namespace detail

// One shot. 8 bytes; the handle exists only between the first start() and destruction.
class Timer {
 public:
  Timer(Loop&, std::function<void()>);
  void start(Milliseconds after);  // from now; replaces a running one
  void stop();
  bool running() const;

 private:
  std::unique_ptr<detail::TimerBlock, detail::CloseTimer> block_;
};

// Readiness of one fd that the caller owns. The fd must be closed only after stop() or destruction.
// One poller per fd.
class Poll {
 public:
  enum Events : unsigned { readable = 1, writable = 2, errors = 8 };
  class Target {  // what hears of readiness; smaller than a std::function in each of 10,000 links
   public:
    // `broken`: the poller has stopped itself (an error on the socket): read what is readable, then
    // SO_ERROR, then end.
    virtual void ready(unsigned events, bool broken) = 0;

   protected:
    ~Target() = default;
  };
  Poll() = default;
  static Result<Poll> open(Loop&, int fd, Target*, unsigned events);
  void hand_to(Target*);  // who hears of it from now on; null: nobody, until the next is told
  // Setting the present mask costs nothing. 0 stops. `errors` alone waits for nothing else.
  void want(unsigned events);
  unsigned wanted() const;
  explicit operator bool() const { return block_ != nullptr; }
  void close() { block_.reset(); }

 private:
  std::unique_ptr<detail::PollBlock, detail::ClosePoll> block_;
};

class Signal {
 public:
  Signal(Loop&, int signum, std::function<void()>);

 private:
  std::unique_ptr<detail::SignalBlock, detail::CloseSignal> block_;
};

// send() from any thread runs the callback once on the loop; several sends may become one call.
class Wake {
 public:
  Wake(Loop&, std::function<void()>);
  void send() const;
  // A waiting Wake does not keep the loop running unless asked to.
  void keep_alive(bool);

 private:
  std::unique_ptr<detail::WakeBlock, detail::CloseWake> block_;
};

}  // namespace peerhold
