// Keys: what one session signs with. Pairs the two pure machines KeyChoice (which key, and why) and
// Follower (has the peer changed without telling) with what they act on: the keys on live sockets,
// on the dial that is under way, and in the listener's claim. Owned by the Session; ticked by the
// keeper's KeyWatch while its chain has more than one key.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "auth/follower.hpp"
#include "auth/key_choice.hpp"
#include "base/endpoint.hpp"

namespace peerhold {

class Session;

struct KeyMoment {
  WallTime wall;
  bool clock_trusted = false;
  SteadyTime now;
  bool failing = false;   // wrongly signed segments were dropped since the last one
  bool captures = false;  // who signs them is looked at
};

// When a key was last seen to work, by direction.
struct KeyUse {
  std::uint32_t id = 0;
  std::optional<WallTime> sent, received;
};

class Keys {
 public:
  Keys(Session&, const KeyChain*);

  const KeyChain* chain() const { return chain_; }
  const KeyChoice& choice() const { return choice_; }
  const Key* key() const;  // that signs now; null: not authenticated
  // The same for one address of the session's prefix, which may be on another one.
  const Key* key_for(const Address&) const;
  std::vector<KeyUse> uses() const;
  // More than one key, so that there is something to watch.
  bool several() const { return chain_ != nullptr && chain_->keys().size() > 1; }
  bool follows() const;
  // Keys that the peer may be followed to, the nearest in time first.
  std::vector<std::uint32_t> others(WallTime) const;
  bool trying() const { return trial_.has_value(); }  // a key that is not the choice signs now
  bool hurried() const { return hurried_; }  // a move or a question to the peer is under way
  // … for which nothing gives up: not where the peer may as well be dead.
  bool patient() const { return patient_; }
  // A sentence for `status` when the key needs somebody's attention; empty: all is well.
  std::string trouble(WallTime) const;

  void use_chain(const KeyChain*);  // at reload: other keys, or another chain
  void forget_chain() { chain_ = nullptr; }
  void tick(const KeyMoment&);
  // Captured: the peer signs with that key. `fresh` bytes, or what may be a repetition; `unknown`:
  // where it stands in the window cannot be said yet.
  void heard(std::uint32_t id, bool fresh, bool unknown, SteadyTime);
  void heard_present() { follower_.heard.reset(); }  // … with ours: what was heard before is over
  void heard_foreign() { follower_.foreign = true; }  // … with none that it may be followed to
  Result<std::string> use(std::uint32_t id);          // `key use`

  // ---- the session's links
  void dialing();        // the first SYN goes out with our key
  void next_dial_key();  // it meets silence: the chain's next
  void dialed();         // it was answered
  void accepted(const Address&,
                std::optional<std::uint32_t>);  // a link came, signed with this key of the chain
  void link_gone(bool last);
  // Counts links that come and go, so that who looks at their addresses asks only then.
  unsigned generation() const { return generation_; }
  // Peers of a prefix need not move together: what an address is on, where that is not what the
  // rest is on. (A persistent session has a child for each, with keys of its own.)
  bool shared() const;
  void guest(const Address&, std::uint32_t id);
  const std::map<Address, std::uint32_t>& guests() const { return guests_; }
  // A SYN under another key, which somebody may have replayed: not too often.
  bool may_turn(SteadyTime);

 private:
  void tell(KeyEvent::What, std::uint32_t id, const char* why);
  void follow(const KeyMoment&);
  void moved(std::uint32_t from, const std::string& why);
  void end_trial();
  void sign_everything();
  void note_handshake(std::uint32_t id) const;
  void note_use() const;
  void hurry(bool);
  void report(std::uint32_t from, const std::string& why);
  bool linked() const;
  KeyUse& use_of(std::uint32_t) const;

  Session& session_;
  const KeyChain* chain_;
  KeyChoice choice_;
  Follower follower_;
  std::optional<std::uint32_t>
      trial_;                          // signs instead of the choice, to see whether it is answered
  std::optional<std::uint32_t> dial_;  // of the dial that is under way
  std::size_t dial_turn_ = 0;
  unsigned generation_ = 0;
  std::map<Address, std::uint32_t> guests_;
  SteadyTime turn_after_{};
  Milliseconds turn_rest_{0};
  SteadyTime ask_until_{};  // of a prefix: segments of ours are wanted on its links
  bool hurried_ = false, patient_ = false;
  SteadyTime linked_at_{};       // the last link that came
  SteadyTime signed_at_{};       // since when the sockets have the keys that they have
  mutable bool silent_ = false;  // a link that we speak on in vain
  mutable SteadyTime noted_at_{};
  mutable std::vector<KeyUse> uses_;  // brought up to date when asked for
};

}  // namespace peerhold
