// Pair: what a relay decides about its two ends, the peer link and one app link. Pure: no host, no
// clock.
//
// Each event answers with the acts that it calls for; Relay carries them out in the order in
// which the members of Acts stand. One Pair an instance.
#pragma once

#include <cstddef>
#include <cstdint>

namespace relay {

enum class Side : std::uint8_t { peer, app };
constexpr Side both[] = {Side::peer, Side::app};
constexpr Side other(Side s) {
  return s == Side::peer ? Side::app : Side::peer;
}

enum class End : std::uint8_t { none, close, abort };

enum class Loss : std::uint8_t {
  none,
  peer_closed,  // its FIN, and all before it is with an app
  app_lost,     // on_app_loss = "reset"
};

struct Acts {
  bool header = false;           // send the PROXY header to the app, then say header_sent()
  bool offer_peer = false;       // have the peer's held input offered again
  bool splice = false;           // the pair only relays from here on
  bool eof[2] = {false, false};  // pass a FIN on to that side
  End end[2] = {End::none, End::none};
  Loss loss = Loss::none;  // persistent: the link has failed for that reason
  bool operator==(const Acts&) const = default;
};

struct Rules {
  bool persistent = false;
  bool header = false;             // proxy_protocol = "v2"
  bool reset_on_app_loss = false;  // persistent only
};

class Pair {
 public:
  explicit Pair(Rules rules) : rules_(rules) {}
  void set(Rules rules) { rules_ = rules; }  // reload; the mode does not change

  // `outgoing`: we connected to it. Only such an app expects a PROXY header.
  Acts up(Side, bool outgoing);
  Acts header_sent();
  // The host splices: what was held is with it now, and on_data will not say when it is gone.
  void relayed_by_host() { ends_[0].held = ends_[1].held = 0; }
  // May what this side sent go to the other one now? Else it stays with the core.
  bool flows(Side from) const;
  // What on_data left unconsumed.
  Acts input(Side from, std::size_t held);
  Acts eof(Side);
  // `clean`: an orderly end; `lost`: bytes that had been accepted for that side were not delivered.
  // Also of an end that was dialled and never came up.
  Acts down(Side, bool clean, bool lost);
  // Nothing has moved for idle_timeout. `stuck`: that side has not taken what was sent to it, and
  // will not now; a reset tells it that bytes are lost. A persistent link outlives its idle app.
  Acts idle(bool peer_stuck, bool app_stuck);

  bool is_up(Side s) const { return at(s).up; }
  bool spliced() const { return spliced_; }
  std::size_t held(Side s) const { return at(s).held; }

 private:
  struct State {
    bool up = false, outgoing = false, eof = false, passed = false, ending = false, gone = false;
    std::size_t held = 0;
  };
  State& at(Side s) { return ends_[static_cast<std::size_t>(s)]; }
  const State& at(Side s) const { return ends_[static_cast<std::size_t>(s)]; }
  bool both_up() const { return at(Side::peer).up && at(Side::app).up; }
  Acts go_on();
  void end(Acts&, Side, End);
  void lose_app(Acts&, End);

  Rules rules_;
  State ends_[2];
  bool header_due_ = false, spliced_ = false;
};

}  // namespace relay
