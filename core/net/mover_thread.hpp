// One mover: a thread, its epoll, its pipes. Private to mover.cpp.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/fd.hpp"
#include "net/mover.hpp"

namespace peerhold {

struct Pipe {
  Fd out, in;  // read from `out` what was written to `in`
};

// The pipes of one thread: taken while bytes are in them, a few kept for the next.
class PipePool {
 public:
  Pipe take();  // without descriptors when none is to be had
  void give(Pipe);

 private:
  std::vector<Pipe> free_;
  std::size_t taken_ = 0;
};

// One direction of a pair.
struct Flow {
  int from = -1, to = -1;
  bool readable = true, writable = true;  // until EAGAIN says otherwise
  bool eof = false, eof_passed = false;
  bool no_splice = false;  // this kind of descriptor cannot, or an end or urgent byte is to be read
  int read_error = 0, write_error = 0;
  std::size_t in_pipe = 0;
  Pipe pipe;
  std::vector<std::uint8_t> copy;  // instead of a pipe
  std::atomic<std::uint64_t> moved{0};

  std::size_t waiting() const { return in_pipe + copy.size(); }
};

// Made and destroyed by the loop; between take() and `done` only the thread touches it, but for the
// atomics.
class MovedPair {
 public:
  MovedPair(Movers::Id, int a, int b, Movers::Options);
  Movers::Progress progress() const;  // any thread

 private:
  friend class MoverThread;
  struct Side {
    MovedPair* pair;
    int index;
  };
  const Movers::Id id_;
  const Movers::Options options_;
  Flow flows_[2];  // [0]: a to b
  Side sides_[2];
  bool queued_ = false, over_ = false;
  std::atomic<SteadyTime::rep> last_;
};

class MoverThread {
 public:
  using Done = std::function<void(Movers::Id, Returned)>;  // called on the thread
  explicit MoverThread(Done);
  ~MoverThread();  // pairs that are still here are let go without a word
  MoverThread(const MoverThread&) = delete;
  MoverThread& operator=(const MoverThread&) = delete;

  bool works() const { return thread_.joinable(); }  // false: no thread or descriptor to be had
  void take(MovedPair&);
  void give_back(Movers::Id);

 private:
  void run();
  bool commands();  // false: stop
  void note(MovedPair::Side&, std::uint32_t events);
  void queue(MovedPair&);
  void work(MovedPair&);
  bool fill(Flow&, std::uint64_t buffer);
  bool drain(Flow&);
  std::vector<std::uint8_t> empty_pipe(Flow&);
  bool ended(MovedPair&);
  void let_go(MovedPair&);
  void wake() const;

  Done done_;
  Fd epoll_, event_;
  std::mutex mutex_;  // guards the three below
  std::vector<MovedPair*> arriving_;
  std::vector<Movers::Id> asked_;
  bool stop_ = false;

  // The thread's own.
  PipePool pipes_;
  std::vector<std::uint8_t> scratch_;
  std::unordered_map<Movers::Id, MovedPair*> pairs_;
  std::vector<MovedPair*> queue_;
  std::thread thread_;
};

}  // namespace peerhold
