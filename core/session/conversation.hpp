// Conversation: one plugin instance with its peer link and its app links (the plugin ABI's
// ph_instance).
//
// A persistent session has one, which lives across links; a per-client session has one for each
// client. It turns what happens on links into the plugin's callbacks and what the plugin asks for
// into acts on links, and it keeps the ABI's promises: nothing is called back from inside a host
// function; held input is offered again exactly when the header says; on_down is the last word
// about a link. Start reading at link_data() in conversation.cpp; relay.cpp moves the bytes of a
// spliced pair; host.cpp fills the host table that plugins see.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loop/deadlines.hpp"
#include "net/dialer.hpp"
#include "net/link.hpp"
#include "net/mover.hpp"
#include "plugin/instance.hpp"
#include "session/backoff.hpp"
#include "session/later.hpp"

// The handle that plugins hold. Nothing but a Conversation is ever behind it.
struct ph_instance {
 protected:
  ~ph_instance() = default;
};

namespace peerhold {

class Session;

class Conversation final : public ph_instance, private LinkEvents, private Later::Item {
 public:
  explicit Conversation(Session&);
  ~Conversation();  // ends every link at once and closes the instance

  // Calls the plugin's open(); an error is the plugin's refusal, in words.
  Result<void> open(std::uint32_t instances);

  // ---- what the session tells
  // -------------------------------------------------------------------- Errors: the socket is gone
  // already, or no descriptor is left; nothing was told to the plugin.
  Result<void> peer_up(Connected, bool outgoing);
  Result<void> rival_up(Connected, bool outgoing);  // PH_COLLISION plugins only
  // `greeting` is the first that the app reads; none and an error, and the socket given back, if
  // the plugin turns the app away in on_up.
  Result<void> app_up(Connected&, std::uint32_t flags, std::string_view greeting = {});
  void dial_app();  // the core's own dial to `app`
  void cancel_dials();
  // Ends every link: by the plugin's drain() on the peer link when it has one, else queued bytes
  // and FIN; what is left after `patience` is ended. `message` is the operator's. App links end
  // with the peer's.
  void goodbye(ph_goodbye why, const std::string& text, const std::string& message,
               Milliseconds patience);
  // Ends every link now for a reason of the core's own (a client that waited too long, a newer
  // link).
  void drop(Cause, const std::string& text, bool abort);
  void drop_peer(Cause, const std::string& text);  // the peer link alone, by RST
  void close_peer();                               // the links to the peer: FIN, no goodbye
  int reload(const ph_config*);
  // The sockets of the links to the peer, to set keys and options or to ask the kernel about them.
  void each_peer_socket(const std::function<void(int fd)>&) const;
  // Transport options and buffer of the session's present configuration, on live sockets.
  void apply_transport();

  // ---- what a plugin asks for (host.cpp)
  // ---------------------------------------------------------
  std::ptrdiff_t send(ph_link, std::span<const std::uint8_t>, bool whole);
  int send_eof(ph_link);
  int close(ph_link, bool abort);
  int read_pause(ph_link, bool pause);
  int dial(const char* endpoint, std::uint32_t flags, ph_link* out);
  int splice(ph_link a, ph_link b, std::uint32_t flags);
  int unsplice(ph_link a, ph_link b);
  void established();
  void fail(Cause, RetryClass, std::string text);
  int link_info(ph_link, ph_link_info&);
  int timer(std::uint32_t id, std::int64_t ms);
  int buffer(ph_link, std::uint64_t bytes);
  int user_timeout(ph_link, std::int64_t ms);
  void want_peer(bool);
  void wake() const;  // any thread
  Session& session() { return session_; }

  // ---- what the session asks
  // ---------------------------------------------------------------------
  bool has_peer() const { return peer_.link != nullptr; }
  bool has_rival() const { return rival_ != nullptr; }
  bool broken() const { return broken_; }
  bool peer_established() const { return established_; }
  bool peer_outgoing() const { return peer_.outgoing; }
  Milliseconds peer_age() const;
  Link* peer_link() { return peer_.link.get(); }
  bool empty() const;  // no link of either side, none being opened
  std::string plugin_status() { return broken_ ? "{}" : instance_.status(); }
  std::optional<Instance::Report> report();
  int command(std::uint32_t what, std::int64_t ms, std::string& reply);
  // Of the links that are up, movers' progress included; those of ended links the session has.
  struct Bytes {
    std::uint64_t from_peer = 0, to_peer = 0;
  };
  Bytes bytes() const;
  std::size_t slot = 0;  // its place among the session's conversations

 private:
  static constexpr ph_link no_link = 0xfffffffe;
  static constexpr std::uint32_t plugin_timers = 16;  // ids 0…15 of the deadlines are a plugin's
  // A pair that has moved this much is busy enough to be lent to a mover.
  static constexpr std::uint64_t lend_after = 64 * 1024;
  struct Ending {  // how a link ends; told to the plugin by run_later()
    LinkEnd end;
    RetryClass retry = RetryClass::normal;
    bool ours = false;  // the plugin or the core wanted it
    bool abort = false;
    bool done = false;  // the socket has been ended; else as soon as the mover returns it
  };
  struct End {  // one end of the conversation, up or being dialled
    ph_link id = PH_PEER;
    ph_link waits_for = no_link;  // its input is blocked until that link has room
    bool outgoing = false;
    bool up = false;                 // on_up was called
    bool turned_away = false;        // by the plugin, in on_up
    bool greeted = false;            // while on_up runs: nothing was sent yet
    bool paused = false;             // by the plugin
    bool fell_short = false;         // a send to it fell short: on_writable is owed
    bool eof_due = false;            // FIN seen, not told yet
    bool offer_due = false;          // read_pause(false): offer from run_later()
    bool writable_due = false;       // unsplice(): on_writable from run_later()
    bool by_plugin = false;          // host->dial(): on_down follows even if it never came up
    bool retry_dial = false;         // PH_DIAL_RETRY
    std::uint64_t buffer = 0;        // by the plugin; 0: as transport.buffer
    std::int64_t user_timeout = -1;  // by the plugin; < 0: the session's
    Backoff backoff;
    std::unique_ptr<Link> link;
    std::unique_ptr<Dialer> dialer;
    std::unique_ptr<Endpoint> to;  // dialled ones: where to
    std::unique_ptr<Ending> ending;
    Fd given_back;  // of a greeted app that was turned away
    SteadyTime since{};
  };
  struct Splice {  // a pair that only relays from here on
    ph_link a = PH_PEER, b = PH_PEER;
    bool pass_eof = false;
    bool unsplicing = false;  // on_writable(a) when the mover has returned it
    bool lent = false;
    std::uint64_t moved = 0;  // by the loop, since the pair was last with it
    Movers::Id id = 0;
  };

  std::size_t link_data(Link&, std::span<const std::uint8_t>) override;
  void link_eof(Link&) override;
  void link_writable(Link&) override;
  void link_down(Link&, const LinkEnd&) override;
  void run_later() override;

  End* find(ph_link);
  int absent(ph_link) const;
  End& end_of(const Link&);
  template <class F>
  void each(F&&);
  Result<void> peer_end(End&, Connected, bool outgoing);
  void came_up(End&, std::uint32_t flags);
  void tell_eof(End&);
  void offer(End&);
  void unblock(ph_link);  // rule (b): that link has room
  void offer_all();       // rule (c): a link came up
  void end(End&, Cause, std::string text, bool abort, bool ours, RetryClass = RetryClass::normal);
  void finish(End&);  // the socket's part of end()
  void tell_down(End&);
  void start_dial(End&);
  void dialed(ph_link, Result<Connected>);
  bool contained();  // false: the callback broke the contract, links end
  void due(std::uint32_t deadline);
  Deadlines& deadlines();
  std::uint64_t buffer_of(const End&) const;
  // relay.cpp
  End* partner(const End&);
  bool lent(const End&) const;
  std::size_t relay(End& from, End& to, std::span<const std::uint8_t>);
  void relay_eof(End& from, End& to);
  void try_lend();
  void returned(Returned);

  Session& session_;
  Instance instance_;
  End peer_;
  std::unique_ptr<End> rival_;
  std::vector<std::unique_ptr<End>> apps_;
  std::unique_ptr<Splice> splice_;
  std::unique_ptr<Deadlines> deadlines_;
  std::unique_ptr<Wake> wake_;
  ph_link next_app_ = 1;
  ph_link short_link_ = no_link;  // of the on_data that runs now: the send that fell short
  bool established_ = false;
  bool leaving_ = false;            // goodbye() was said
  bool broken_ = false;             // the instance broke its contract: no more calls into it
  std::unique_ptr<Error> refusal_;  // fail() inside open()
};

}  // namespace peerhold
