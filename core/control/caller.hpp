// One connection to the control socket: reads its request, sends the answer, streams events to a
// watcher. Belongs to the server's State; all sizes and times are bounded (server.hpp).
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "base/repeated.hpp"
#include "control/access.hpp"
#include "control/protocol.hpp"
#include "control/server.hpp"
#include "keeper/examination.hpp"

namespace peerhold {

class Caller final : private Poll::Target {
 public:
  // Null when the loop takes no more pollers.
  static std::unique_ptr<Caller> open(ControlServer::State&, Fd, PeerUser, Access);
  ~Caller();
  Access access() const { return access_; }
  bool was_large() const { return large_; }  // its answer took much memory

 private:
  Caller(ControlServer::State&, Fd, PeerUser, Access);
  void ready(unsigned events, bool broken) override;
  bool read_request();  // false: the connection is over
  bool handle(const std::string& line);
  bool attach(const Request&);
  void watch(const Request&);
  void examine(const Request&);
  void on_event(const Event&);
  void push(std::string line);
  bool flush();
  bool hung_up() const;
  void finish_with(std::string line);  // the last bytes, then the connection ends

  ControlServer::State& server_;
  Fd fd_;
  PeerUser user_;
  Access access_;
  Poll poll_;
  Timer deadline_;
  enum class Phase : std::uint8_t { request, working, watching, ending } phase_ = Phase::request;
  bool large_ = false;
  std::string in_, out_;
  std::string only_;  // session that is watched; empty: all
  std::optional<std::uint64_t> subscription_;
  std::unique_ptr<Examination> examination_;
};

// Carries out everything but watch and attach; the whole answer, with its newline.
std::string carry_out(ControlServer::State&, const Request&, const PeerUser&);

struct ControlServer::State final : Poll::Target {
  State(Loop& l, Keeper& k, Log& g, std::string p, Reload r)
      : loop(l), keeper(k), log(g), path(std::move(p)), reload(std::move(r)), again(l, [this] {
          poll.want(Poll::readable);
        }) {}
  ~State();
  void ready(unsigned events, bool broken) override;
  void take(Fd);
  void remove(const Caller*);  // destroys it
  void refused(const PeerUser&, std::string_view what);
  void read_groups();

  Loop& loop;
  Keeper& keeper;
  Log& log;
  std::string path;
  Reload reload;
  Fd socket;
  Poll poll;
  Timer again;  // no descriptors left: accepting waits
  Repeated accept_failures;
  std::list<std::unique_ptr<Caller>> callers;
  std::size_t examinations = 0;
  std::string control_name, read_name;
  std::optional<gid_t> control, read;
  std::uint64_t inode = 0;
  SteadyTime refused_at{};
  std::uint64_t refused_count = 0;
};

}  // namespace peerhold
