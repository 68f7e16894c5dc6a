// Session: one configured, named, long-lived relation with a peer. Start reading here.
//
// It pairs two pure machines, PeerSide and AppSide, with what they act on: dials, claims on
// listeners, links, backoff, and the conversations that let a plugin decide what the bytes mean.
// Owned by the Keeper; loop-thread only.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/chain.hpp"
#include "base/repeated.hpp"
#include "config/config.hpp"
#include "loop/deadlines.hpp"
#include "net/dialer.hpp"
#include "net/listener.hpp"
#include "plugin/library.hpp"
#include "plugin/options.hpp"
#include "session/app_side.hpp"
#include "session/backoff.hpp"
#include "session/conversation.hpp"
#include "session/keys.hpp"
#include "session/peer_side.hpp"
#include "session/status.hpp"
#include "session/surroundings.hpp"
#include "session/symptoms.hpp"

namespace peerhold {

// The struct that plugins call (host.cpp).
const ph_host& host_table();

// Why a peer link or an attempt ended, as far as the session cares.
struct Loss {
  Cause cause = Cause::internal;
  std::string text;
  RetryClass retry = RetryClass::normal;
  bool ours = false;  // wanted: no failure
  bool was_established = false;
  Milliseconds lasted{0};
};

class Session {
 public:
  // `chain` is null for keychain = "none"; it and `library` outlive the session, or reload()
  // replaces it. `child`: of one peer of a dynamic session.
  Session(Surroundings&, const Library&, SessionConfig, const KeyChain* chain, bool child = false);
  ~Session();

  const std::string& name() const { return config_.name; }
  const SessionConfig& config() const { return config_; }
  const Library& library() const { return library_; }

  // ---- the keeper's side
  // ---------------------------------------------------------------------------
  void start();  // unless enabled = false
  Result<void> up();
  void down(const std::string& text);  // administratively, until up() or a restart of the keeper
  Result<void> reset(const std::string& text);
  // hold, release, refresh: the plugin's reply. The error's code is ENOTSUP when the plugin knows
  // no such thing.
  Result<std::string> command(ph_command_kind, Milliseconds length);
  // For good: says goodbye to every link; Surroundings::gone follows. With `clients_may_end`
  // per-client links are left alone for `patience` first.
  void stop(ph_goodbye why, const std::string& text, Milliseconds patience, bool clients_may_end,
            const std::string& message = {});
  bool stopping() const { return stopping_; }
  bool is_gone() const { return gone_told_; }
  // The last failure was this host's (address, interface, port, key room): a change may cure it.
  bool waits_for_host() const;
  // The claim that Surroundings::claim accepted could not be met after all.
  void claim_lost(const Error&);
  void kick();  // an address or interface of this host changed
  // What may change without touching the link; the caller has checked that nothing else did. False:
  // the plugin cannot apply its options live, and the session must be restarted.
  bool reload(SessionConfig, const KeyChain* chain);
  // A connection from `who()`, whose segments bear our key.
  void accepted(Listener::Accepted);
  void app_accepted(Connected, std::uint32_t flags = 0);  // PH_LINK_*
  // `peerhold attach`: like an accepted app. `greeting` is sent to it first. A refusal leaves `fd`
  // with the caller, and nothing was sent.
  Result<void> attach(Connected&, std::string_view greeting, std::uint32_t flags = 0);

  bool listens() const { return config_.mode != Mode::active; }
  // A persistent session whose peer is a prefix holds the claim and nothing else: each peer that
  // comes has a session of its own, a child, to which its links are handed. A child has no claim.
  bool dynamic() const { return config_.peer_prefix && !per_client(); }
  bool is_child() const { return child_; }
  Prefix who() const;
  Keys& keys() { return keys_; }
  const Keys& keys() const { return keys_; }
  const Key* key() const { return keys_.key(); }  // null: not authenticated
  // Wants links, and may have some.
  bool takes_links() const;
  Transport transport() const;
  Transport transport_with(std::int64_t user_timeout) const;
  SessionState state() const { return peer_side_.state; }
  SessionStatus status() const;
  bool has_link_with(const Address& peer, const std::optional<Address>& source) const;
  // A diagnosis (symptoms.cpp): what it starts from, what it has found, and no more waiting.
  Symptoms symptoms() const;
  void noticed(const Error&);
  void try_now();

  // ---- the conversations' side
  // ---------------------------------------------------------------------
  Surroundings& around() { return around_; }
  bool per_client() const { return config_.link == LinkMode::per_client; }
  const ph_config* plugin_config() const { return plugin_config_->get(); }
  std::optional<Endpoint> configured_endpoint(const std::string& text) const;
  Result<std::unique_ptr<Link>> make_link(Connected, LinkEvents&);
  // All transport options, with a plugin's user_timeout in ms; < 0: none.
  Result<void> apply_options(int fd, std::int64_t user_timeout);
  // Only what differs between the one and the other.
  Result<void> change_user_timeout(int fd, std::int64_t from, std::int64_t to);
  void key_socket(int fd);
  void each_peer_socket(const std::function<void(int fd)>&) const;
  // ---- its keys' side (keys.cpp)
  void rekey_rest();  // what is signed beside the links: closing sockets, the dial, the claim
  void rekey_dial(const Key&);
  void apply_hurry();
  void note_key(std::uint32_t from, std::uint32_t to, std::string_view cause,
                const std::string& text, bool warn = false);
  void note_key_confirmed(const std::string& text);
  // All but the texts.
  void describe(const Link&, bool outgoing, ph_link_info& out) const;
  void peer_established(Conversation&);
  void peer_lost(Conversation&, const Loss&);
  // The peer link has ended, and its rival has taken its place.
  void peer_replaced(const Loss&);
  void app_came(Conversation&);
  void app_taken();  // by the plugin, which may turn it away instead
  void app_left(Conversation&, const LinkEnd&, bool turned_away);
  void app_dial_failed(const std::string& text, bool given_up);
  void plugin_broke(const std::string& fault);
  void settled(Conversation&);  // after its callbacks: may be over, or free for the next link
  void want_peer(bool);
  // Clients get their peer link when their instance asks for it; and this one asks.
  bool asks_for_peer() const { return per_client() && !listens() && library_.is(PH_ASKS_FOR_PEER); }
  void client_waits(Conversation&);
  std::int64_t setting(ph_setting) const;
  void add_bytes(std::uint64_t from_peer, std::uint64_t to_peer);
  void note_if_failed(const Result<void>&);
  void plugin_log(Level, const char* text) const;  // any thread
  void plugin_log_repeated(Level, std::uint32_t kind, const char* text);
  void plugin_event(const char* text);
  void metric(std::uint32_t index, const char* label, std::int64_t value);

 private:
  enum Due : std::uint32_t {
    peer_retry,
    app_retry,
    client_wait,
    goodbye_due,
    mark_due,
    forget_due,
    dial_key_due,
  };
  // How long a link may take to say goodbye.
  static constexpr Milliseconds goodbye_patience{2000};

  // session.cpp: the machines and their actions.
  void begin();
  void tell(PeerEvent);
  void tell(AppEvent);
  void act(std::uint16_t peer_actions);
  void act_app(std::uint8_t app_actions);
  void due(std::uint32_t);
  void arm_retry();
  void drop_links();
  void maybe_gone();
  void configure_app_side();
  // links.cpp: links come and go.
  Conversation* converse();  // a new conversation, opened; null: refused, and noted
  Conversation* persistent_one();
  void dial();
  void dialed(Result<Connected>);
  void next_client();
  void waits(Conversation&);
  void end_waiting();
  void arm_waiting();
  void take(Connected, bool outgoing);
  void take_parked();
  void hand_on(Listener::Accepted);
  void account(const Loss&);
  void app_works();
  bool ours_wins(const Endpoint& ours, const Endpoint& theirs) const;
  // memory.cpp: when it was last established, and whether a child is still needed.
  void mark_established();
  void forget_established();
  void arm_forgetting();
  void forget_if_idle();
  // report.cpp: what is seen.
  void note_change(SessionState before);
  void note_failure(Cause, const std::string& text, bool establishment, bool own_line = true);
  void note_down(Cause, const std::string& text);
  void note_app(const char* what, const std::string& text);
  void remember(Failure);
  bool say_again();
  void judge(SessionStatus&, const Instance::Report&) const;
  std::string peer_text() const;
  std::string latest_text() const;
  void line(Level, std::string_view event, std::string_view text, std::string_view cause = {},
            std::string_view lead = {}, Log::Field more = {}, Log::Field and_more = {}) const;
  void emit(EventKind, std::string from, std::string to, std::string cause, std::string text);

  Surroundings& around_;
  const Library& library_;
  SessionConfig config_;
  std::unique_ptr<PluginConfig> plugin_config_;
  Keys keys_;
  const bool child_;
  PeerSide peer_side_;
  AppSide app_side_;
  Backoff backoff_, app_backoff_;
  RetryClass retry_class_ = RetryClass::normal;
  Deadlines deadlines_;
  std::unique_ptr<Dialer> dialer_;
  std::vector<std::unique_ptr<Conversation>> conversations_;
  struct Waiting {
    Conversation* who;
    SteadyTime until;
  };
  std::list<Waiting> waiting_;       // clients without a peer link yet, oldest first
  std::optional<Connected> parked_;  // accepted; waits for our own dial, or the old link, to end
  std::vector<uid_t> app_uids_;
  bool stopping_ = false, gone_told_ = false, redial_ = false, clients_may_end_ = false;
  ph_goodbye bye_ = PH_BYE_DOWN;
  std::string bye_text_, bye_message_;  // in the log; the operator's own, for the peer

  int claim_code_ = 0;                          // the errno that the last claim failed with
  std::optional<SteadyTime> last_established_;  // of links that this keeper has had
  Repeated peers_turned_away_;                  // of a dynamic session
  Repeated users_refused_, apps_turned_away_;   // what any local user can cause

  // What status shows.
  WallTime since_;
  SteadyTime since_steady_;
  std::optional<SteadyTime> app_gone_since_;
  std::uint64_t attempts_ = 0, established_count_ = 0;
  std::uint64_t from_peer_ = 0, to_peer_ = 0;  // of links that have ended
  struct Failures {
    std::optional<Failure> last_error, last_down;
    std::vector<Failure> recent;  // newest first, at most eight
    Repeated same;                // the present failure in a row
    bool of_dial = false;         // … is that the peer could not be reached
  };
  std::unique_ptr<Failures> failures_;  // most sessions never fail
  // What instances of the plugin say of the session as a whole: metric() by index and label, and
  // log_repeated() by kind.
  std::map<std::pair<std::uint32_t, std::string>, std::int64_t> metrics_;
  std::map<std::uint32_t, Repeated> plugin_repeats_;
  // Why no app can be had; empty as soon as that works again.
  std::string app_trouble_;
  Milliseconds retry_delay_{0};
  Cause change_cause_ = Cause::internal;  // of the next change of state
  std::string change_text_;
};

}  // namespace peerhold
