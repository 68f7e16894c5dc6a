// What one mover thread does: wait on its epoll, splice what can go, hand pairs back. Started by
// Movers.
//
// Edge-triggered: a flow remembers whether its ends were ready until a call says EAGAIN. Every pair
// gets a bounded turn. All signals are blocked here, SIGPIPE above all, which splice(2) raises.
#include "net/mover_thread.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace peerhold {
namespace {

constexpr int pipe_size = 256 * 1024;
constexpr std::size_t pipes_kept = 8, pipes_most = 256;  // of one thread
constexpr int rounds_a_turn = 4;                         // of at most a pipe's content each

SteadyTime::rep ticks() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

}  // namespace

// ---- pipes
// ---------------------------------------------------------------------------------------

Pipe PipePool::take() {
  if (!free_.empty()) {
    Pipe pipe = std::move(free_.back());
    free_.pop_back();
    ++taken_;
    return pipe;
  }
  std::array<int, 2> ends{};
  if (taken_ >= pipes_most || pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) < 0) return {};
  // A user's pipes together have a limit; a smaller one serves as well.
  (void)fcntl(ends[1], F_SETPIPE_SZ, pipe_size);
  ++taken_;
  return {Fd(ends[0]), Fd(ends[1])};
}

void PipePool::give(Pipe pipe) {
  --taken_;
  if (free_.size() < pipes_kept) free_.push_back(std::move(pipe));
}

// ---- a pair
// --------------------------------------------------------------------------------------

MovedPair::MovedPair(Movers::Id id, int a, int b, Movers::Options options)
    : id_(id), options_(options), sides_{{this, 0}, {this, 1}}, last_(ticks()) {
  flows_[0].from = flows_[1].to = a;
  flows_[0].to = flows_[1].from = b;
}

Movers::Progress MovedPair::progress() const {
  return {flows_[0].moved.load(std::memory_order_relaxed),
          flows_[1].moved.load(std::memory_order_relaxed),
          SteadyTime(SteadyTime::duration(last_.load(std::memory_order_relaxed)))};
}

// ---- the thread
// ----------------------------------------------------------------------------------

MoverThread::MoverThread(Done done)
    : done_(std::move(done)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  if (!epoll_ || !event_ || epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event_.get(), &wanted) < 0)
    return;
  sigset_t all{}, before{};
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // the thread inherits it from its first instruction
  try {
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "mover");
  } catch (const std::system_error&) {
    // works() says so
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

MoverThread::~MoverThread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake();
  thread_.join();
}

void MoverThread::take(MovedPair& pair) {
  {
    const std::lock_guard lock(mutex_);
    arriving_.push_back(&pair);
  }
  wake();
}

void MoverThread::give_back(Movers::Id id) {
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back(id);
  }
  wake();
}

void MoverThread::wake() const {
  const std::uint64_t one = 1;
  (void)!write(event_.get(), &one, sizeof one);
}

void MoverThread::run() {
  std::array<epoll_event, 64> events{};
  while (true) {
    const int n = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                             queue_.empty() ? -1 : 0);
    bool called = false;
    for (int i = 0; i < n; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.ptr == nullptr)
        called = true;
      else
        note(*static_cast<MovedPair::Side*>(event.data.ptr), event.events);
    }
    if (called && !commands()) return;
    // Only from here on are pairs let go, when no event names them any more.
    std::vector<MovedPair*> turn;
    turn.swap(queue_);
    for (MovedPair* pair : turn) {
      pair->queued_ = false;
      work(*pair);
    }
  }
}

bool MoverThread::commands() {
  std::uint64_t count = 0;
  (void)!read(event_.get(), &count, sizeof count);
  std::vector<MovedPair*> arriving;
  std::vector<Movers::Id> asked;
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return false;
    arriving.swap(arriving_);
    asked.swap(asked_);
  }
  for (MovedPair* pair : arriving) {
    pairs_.emplace(pair->id_, pair);
    for (MovedPair::Side& side : pair->sides_) {
      epoll_event wanted{};
      wanted.events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET;
      wanted.data.ptr = &side;
      if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, pair->flows_[side.index].from, &wanted) < 0)
        pair->over_ = true;  // the loop goes on without us
    }
    queue(*pair);
  }
  for (const Movers::Id id : asked) {
    const auto found = pairs_.find(id);
    if (found == pairs_.end()) continue;  // on its way already
    found->second->over_ = true;
    queue(*found->second);
  }
  return true;
}

void MoverThread::note(MovedPair::Side& side, std::uint32_t events) {
  MovedPair& pair = *side.pair;
  Flow& in = pair.flows_[side.index];
  Flow& out = pair.flows_[1 - side.index];
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) in.readable = true;
  if (events & EPOLLOUT) out.writable = true;
  // splice(2) stops for good before an urgent byte (RFC 6093); read(2) takes it like any other.
  if (events & EPOLLPRI) in.no_splice = true;
  // An error, or an end in both directions of which this side's output knows nothing: the far end
  // has gone, or the loop has shut the socket down. The Link reads what is left and finds out why.
  if ((events & EPOLLERR) || ((events & EPOLLHUP) && !out.eof_passed)) pair.over_ = true;
  queue(pair);
}

void MoverThread::queue(MovedPair& pair) {
  if (std::exchange(pair.queued_, true)) return;
  queue_.push_back(&pair);
}

void MoverThread::work(MovedPair& pair) {
  bool moved = true;
  for (int round = 0; round < rounds_a_turn && moved && !pair.over_; ++round) {
    moved = false;
    for (Flow& flow : pair.flows_) {
      const bool filled = fill(flow, pair.options_.buffer);
      const bool drained = drain(flow);
      moved = moved || filled || drained;
    }
    if (moved) pair.last_.store(ticks(), std::memory_order_relaxed);
    pair.over_ = pair.over_ || ended(pair);
  }
  if (pair.over_) return let_go(pair);
  for (Flow& flow : pair.flows_)
    if (flow.in_pipe == 0 && flow.pipe.in) pipes_.give(std::move(flow.pipe));
  if (moved) queue(pair);
}

// From the socket into the pipe, or through the scratch buffer where there is no pipe.
bool MoverThread::fill(Flow& flow, std::uint64_t buffer) {
  if (flow.eof || flow.read_error != 0 || !flow.readable || !flow.copy.empty()) return false;
  if (!flow.no_splice && !flow.pipe.in) flow.pipe = pipes_.take();
  const bool piped = !flow.no_splice && flow.pipe.in;
  if (!piped && (!flow.writable || flow.in_pipe > 0)) return false;
  ssize_t n = 0;
  if (piped) {
    if (flow.in_pipe >= buffer) return false;
    n = splice(flow.from, nullptr, flow.pipe.in.get(), nullptr, buffer - flow.in_pipe,
               SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  } else {
    if (scratch_.empty()) scratch_.resize(pipe_size);
    n = read(flow.from, scratch_.data(), scratch_.size());
  }
  if (n > 0) {
    if (piped)
      flow.in_pipe += static_cast<std::size_t>(n);
    else
      flow.copy.assign(scratch_.begin(), scratch_.begin() + n);
    return true;
  }
  if (n == 0 && piped) {
    // Before an urgent byte this means nothing when a FIN has come behind it: read(2) knows.
    flow.no_splice = true;
    return true;
  }
  if (n == 0) {
    flow.eof = true;
  } else if (errno == EAGAIN) {
    // With bytes in the pipe this may mean that the pipe is full: asked again when they are out.
    if (flow.in_pipe == 0) flow.readable = false;
  } else if (errno == EINVAL && piped) {
    flow.no_splice = true;
    return true;
  } else if (errno != EINTR) {
    flow.read_error = errno;
  }
  return false;
}

bool MoverThread::drain(Flow& flow) {
  if (flow.waiting() == 0 || !flow.writable || flow.write_error != 0) return false;
  ssize_t n = 0;
  if (!flow.copy.empty())
    n = write(flow.to, flow.copy.data(), flow.copy.size());
  else
    n = splice(flow.pipe.out.get(), nullptr, flow.to, nullptr, flow.in_pipe,
               SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  if (n > 0) {
    if (!flow.copy.empty())
      flow.copy.erase(flow.copy.begin(), flow.copy.begin() + n);
    else
      flow.in_pipe -= static_cast<std::size_t>(n);
    flow.moved.fetch_add(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
    return true;
  }
  if (n < 0 && errno == EAGAIN) {
    flow.writable = false;
  } else if (n < 0 && errno == EINVAL && flow.copy.empty()) {
    flow.no_splice = true;
    flow.copy = empty_pipe(flow);
    return true;
  } else if (n < 0 && errno != EINTR) {
    flow.write_error = errno;
  }
  return false;
}

std::vector<std::uint8_t> MoverThread::empty_pipe(Flow& flow) {
  std::vector<std::uint8_t> bytes(flow.in_pipe);
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t n = read(flow.pipe.out.get(), bytes.data() + got, bytes.size() - got);
    if (n <= 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  bytes.resize(got);
  flow.in_pipe = 0;
  return bytes;
}

// Passes the FINs on that are due; whether the pair is to go back.
bool MoverThread::ended(MovedPair& pair) {
  int passed = 0;
  for (Flow& flow : pair.flows_) {
    if (flow.read_error != 0 || flow.write_error != 0) return true;
    if (!flow.eof) continue;
    if (!pair.options_.pass_eof) return true;
    if (flow.waiting() > 0) continue;
    if (!flow.eof_passed) shutdown(flow.to, SHUT_WR);
    flow.eof_passed = true;
    ++passed;
  }
  return passed == 2;
}

void MoverThread::let_go(MovedPair& pair) {
  Returned result;
  for (int i = 0; i < 2; ++i) {
    Flow& flow = pair.flows_[i];
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, flow.from, nullptr);
    Returned::Side& side = i == 0 ? result.a : result.b;
    Returned::Side& other = i == 0 ? result.b : result.a;
    side.bytes = flow.moved.load(std::memory_order_relaxed);
    side.rest = flow.in_pipe > 0 ? empty_pipe(flow) : std::move(flow.copy);
    side.eof = flow.eof;
    side.eof_passed = flow.eof_passed;
    side.read_error = flow.read_error;
    other.write_error = flow.write_error;
    if (flow.pipe.in) pipes_.give(std::move(flow.pipe));
  }
  pairs_.erase(pair.id_);
  done_(pair.id_, std::move(result));  // the pair belongs to the loop from here on
}

}  // namespace peerhold
