#pragma once
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "farm_message.hpp"
#include "load.hpp"

namespace farm {

using load::Clock;

// One end of one session.
struct Side {
  sockaddr_in local{}, remote{};
  unsigned remote_prefix = 32;  // who may come in, when it does not dial
  bool dials = false;
  const std::string* key = nullptr;
  std::uint32_t as = 0;
  in_addr identifier{};
};

struct Settings {
  unsigned sessions = 1;
  bool one_listener = false;  // of the first one, for all; session_of tells whose a connection is
  bool any_address = false;   // which that one takes
  std::uint16_t hold = 9;     // also what is reckoned with: the far side shall not offer less
  double redial = 0.1;        // seconds from the end of a connection to the next attempt
  std::function<Side(unsigned)> side;       // those that listen come before those that dial
  std::function<unsigned(int)> session_of;  // with one_listener
};

struct Counts {
  std::uint64_t keepalives_sent = 0, keepalives_received = 0, updates = 0, lost = 0;
};

enum class State : std::uint8_t { idle, connecting, opening, confirming, established };

// As small as it can be: what a session of a minimal speaker costs is one of the figures.
struct Session {
  int fd = -1;
  State state = State::idle;
  bool mid_message = false;           // somebody else's message is half sent: no KEEPALIVE now
  std::uint32_t due = 0;              // tick of its only timer: redial, give up, or KEEPALIVE
  std::uint32_t heard = 0;            // tick of the last message
  std::unique_ptr<std::string> rest;  // the first octets of a message whose others are on the way
};

// All the sessions of this process, on one epoll.
class Sessions {
 public:
  explicit Sessions(Settings settings);
  ~Sessions();
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  void listen();
  void wake_on(int fd);
  void start();  // dials, where that is this side's part
  // False when `end` came before `done`.
  bool run(Clock::time_point end, const std::function<bool()>& done);
  // Resets every connection at once.
  void drop_all();

  bool all_up() const { return established_ == sessions_.size(); }
  unsigned established() const { return established_; }
  Clock::time_point last_up() const { return last_up_; }
  Session& at(unsigned index) { return sessions_[index]; }
  Counts& counts() { return counts_; }

  // The streams of farm_pass.cpp; may be empty.
  std::function<void(unsigned, const Message&)> on_update;
  std::function<void(unsigned)> on_writable;
  bool busy = false;   // run() does not rest, there is always something for `done` to do
  bool woken = false;  // what wake_on() was given has become readable

 private:
  void watch(int fd, std::uint32_t events, std::uint64_t tag);
  void handle(std::uint64_t tag, std::uint32_t events);
  void accept_from(unsigned index);
  void adopt(unsigned index, int fd);
  void dial(unsigned index);
  void connected(unsigned index);
  void receive(unsigned index, bool ended);
  bool take(unsigned index, const Message& message);
  void say(unsigned index, const void* data, std::size_t size);
  void close(unsigned index, bool by_reset = false);
  void arm(unsigned index, double seconds);
  double until_keepalive();
  void advance();
  std::uint32_t tick_now() const;
  int patience(Clock::time_point end) const;

  static constexpr std::size_t kSlots = 4096;
  static constexpr double kTick = 0.01;

  Settings settings_;
  std::vector<Session> sessions_;
  std::vector<load::Socket> listeners_;
  load::Socket epoll_;
  std::vector<std::uint8_t> buffer_;
  std::vector<std::vector<std::uint32_t>> wheel_;
  std::vector<unsigned> to_dial_;
  Clock::time_point origin_ = Clock::now(), last_up_ = origin_;
  std::uint32_t tick_ = 0;
  unsigned established_ = 0, complaints_ = 0;
  Counts counts_;
  std::minstd_rand random_{1};
};

}  // namespace farm
