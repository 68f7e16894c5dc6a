// Link: one connected stream socket and the bytes on their way through it.
//
// Used for both sides: links to peers and connections of apps. Owns the fd alone (a mover borrows
// it). A Link at rest owns no buffer: input is read into the loop's scratch buffer, only what the
// owner did not consume is kept (at most `buffer` bytes, then reading stops and TCP pauses the
// sender); output that the kernel does not take at once is queued (at most `buffer` bytes). Blocks
// come from one allocator (link_blocks.hpp), so that it can be swapped for a memfd.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/endpoint.hpp"
#include "base/fd.hpp"
#include "loop/loop.hpp"
#include "net/closing.hpp"
#include "net/connected.hpp"

namespace peerhold {

struct LinkEnd {
  Cause cause = Cause::peer_closed;
  std::string text;
  std::uint64_t unsent = 0;  // accepted by send(), never acknowledged by the far end
  std::uint64_t unread = 0;  // come in, never consumed
};

class Link;

class LinkEvents {
 public:
  // Input, held bytes first, always one contiguous span. Returns how many bytes were consumed; the
  // rest is held. The Link may be destroyed inside any of these calls only through
  // Link::close()/abort() followed by deferred destruction (the owner destroys it outside of its
  // callbacks).
  virtual std::size_t link_data(Link&, std::span<const std::uint8_t>) = 0;
  virtual void link_eof(Link&) = 0;  // the far end's FIN, after the last byte was offered
  // The queue has drained, after a send() that fell short or left bytes in it.
  virtual void link_writable(Link&) = 0;
  virtual void link_down(Link&, const LinkEnd&) = 0;  // always last; not after close() or abort()

 protected:
  ~LinkEvents() = default;
};

class Link final : private Poll::Target {
 public:
  // Starts reading at once. `Closing` takes the socket over
  // when the link is closed gracefully; it outlives the Link.
  static Result<std::unique_ptr<Link>> open(Loop&, Closing&, Connected, std::uint64_t buffer,
                                            LinkEvents*);
  ~Link();  // leaves the epoll, then closes; a link that was not ended is aborted

  // Takes 0…n bytes: what the kernel takes now plus what the queue has room for.
  std::size_t send(std::span<const std::uint8_t>);
  std::size_t room() const;  // bytes send() would take into the queue
  // To stand before all that send() takes, and to leave on a later turn: until then release()
  // undoes the whole link. For a link that has sent nothing.
  void preface(std::string_view);
  // The socket, out of which nothing was sent. No more events.
  Fd release();
  void send_eof();  // FIN after the queued bytes; reading goes on
  bool eof_sent() const;
  bool eof_received() const;
  void pause(bool);  // true: no reading (errors are still seen)
  // Offers held input to link_data again: now, or on a later turn when called from an event of this
  // link. No held input: nothing happens.
  void offer();
  std::size_t held() const;    // unconsumed input
  std::size_t queued() const;  // output not yet in the kernel
  // Graceful: queued bytes, FIN, then the socket lingers until the far end has acknowledged (2 s at
  // most) outside of this object. No more events.
  void close();
  void abort();  // RST (signed on keyed links); no more events

  // Whose socket it is once it is closed: see Closing::each.
  void belongs_to(const void* owner);
  int fd() const;  // for options and keys; never to read, write or close
  std::uint64_t bytes_in() const, bytes_out() const;
  std::uint64_t unsent()
      const;  // queued + not acknowledged (SIOCOUTQ; a UNIX socket tells memory, not bytes)
  Milliseconds idle() const;  // since the last byte either way
  void set_buffer(std::uint64_t);
  // Unset for a UNIX socket without a path. The far end is known after a reset too, when the kernel
  // does not say any more.
  const Endpoint& remote() const;
  Endpoint local() const;

  // Lending to a mover: allowed when nothing is queued or held and no FIN has passed. While lent no
  // event is raised and only fd(), bytes_*, abort() and close() may be called: these two shut the
  // socket down at once, which makes the mover return it, and take full effect in take_back(). A
  // lent Link must not be destroyed.
  Result<int> lend();
  // Polling again. The FINs that the mover saw and passed on are not told as events again; `error`
  // is the errno that it met on this side: link_down follows on a later turn. What it counted is
  // added by add_bytes. A link that was closed or aborted meanwhile is ended now.
  void take_back(bool eof_received, bool eof_sent, int error = 0);
  void add_bytes(std::uint64_t in, std::uint64_t out);

 private:
  void ready(unsigned events, bool broken) override;
  struct State;
  std::unique_ptr<State> s_;
};

}  // namespace peerhold
