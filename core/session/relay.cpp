// Conversation, the part that moves a spliced pair: by the loop while the pair is small or new, by
// a mover thread once it has shown itself busy. Bytes, half-closes and errors are the same either
// way.
#include "session/session.hpp"

namespace peerhold {
namespace {

int error_of(const Returned::Side& side) {
  return side.read_error != 0 ? side.read_error : side.write_error;
}

}  // namespace

bool Conversation::lent(const End& e) const {
  return splice_ && splice_->lent && (splice_->a == e.id || splice_->b == e.id);
}

Conversation::End* Conversation::partner(const End& e) {
  if (!splice_) return nullptr;
  if (splice_->a == e.id) return find(splice_->b);
  if (splice_->b == e.id) return find(splice_->a);
  return nullptr;
}

int Conversation::splice(ph_link a, ph_link b, std::uint32_t flags) {
  if (splice_) return PH_ENOTSUP;  // one pair a conversation
  End *ea = find(a), *eb = find(b);
  if (a == b) return PH_EINVAL;
  if (ea == nullptr) return absent(a);
  if (eb == nullptr) return absent(b);
  if (!ea->link || !eb->link || ea->ending || eb->ending) return PH_ENOLINK;
  splice_ = std::make_unique<Splice>();
  splice_->a = a;
  splice_->b = b;
  splice_->pass_eof = (flags & PH_SPLICE_EOF) != 0;
  for (End* e : {ea, eb}) {
    e->paused = false;
    if (e->waits_for == no_link) e->link->pause(false);
    e->offer_due = true;
  }
  session_.around().later.add(*this);
  return PH_OK;
}

int Conversation::unsplice(ph_link a, ph_link b) {
  if (!splice_ || splice_->a != a || splice_->b != b) return PH_ENOLINK;
  if (splice_->lent) {
    splice_->unsplicing = true;
    session_.around().movers.ask_back(splice_->id);
    return PH_OK;
  }
  splice_.reset();
  if (End* e = find(a)) e->writable_due = true;
  session_.around().later.add(*this);
  return PH_OK;
}

std::size_t Conversation::relay(End& from, End& to, std::span<const std::uint8_t> bytes) {
  if (!to.link || to.ending || from.waits_for != no_link) return 0;
  std::size_t n = 0;
  if (to.link->queued() == 0) n = to.link->send(bytes);
  splice_->moved += n;
  if (to.link->queued() > 0) {
    // The rest of what was read is in the queue; no more until it has drained.
    from.waits_for = to.id;
    from.link->pause(true);
  } else if (splice_->moved >= lend_after) {
    session_.around().later.add(*this);
  }
  return n;
}

void Conversation::relay_eof(End& from, End& to) {
  if (!splice_->pass_eof) {
    splice_.reset();
    tell_eof(from);
    return;
  }
  if (!from.link->eof_sent() || !to.link->eof_received()) return to.link->send_eof();
  // Both directions have ended, and with them the conversation: closing says so to that side.
  splice_.reset();
  end(from, Cause::peer_closed, "both directions were closed", false, false);
  end(to, Cause::peer_closed, "both directions were closed", false, false);
}

// The pair is lent while nothing of it is on our hands, else tried again when the next queue
// drains.
void Conversation::try_lend() {
  End *a = find(splice_->a), *b = find(splice_->b);
  if (a == nullptr || b == nullptr || a->ending || b->ending || broken_) return;
  const bool quiet = a->link->queued() == 0 && b->link->queued() == 0 && a->link->held() == 0 &&
                     b->link->held() == 0 && !a->link->eof_received() && !b->link->eof_received() &&
                     !a->link->eof_sent() && !b->link->eof_sent();
  if (quiet) {
    const Result<int> fa = a->link->lend();
    if (fa) {
      const Result<int> fb = b->link->lend();
      if (fb) {
        a->waits_for = b->waits_for = no_link;
        splice_->lent = true;
        Movers::Options options;
        options.pass_eof = splice_->pass_eof;
        options.buffer = session_.config().transport.buffer;
        splice_->id = session_.around().movers.lend(*fa, *fb, options,
                                                    [this](Returned r) { returned(std::move(r)); });
        return;
      }
      a->link->take_back(false, false);
    }
  }
  if (a->link->queued() == 0) unblock(a->id);
  if (splice_ && b->link && b->link->queued() == 0) unblock(b->id);
}

void Conversation::returned(Returned r) {
  splice_->lent = false;
  splice_->moved = 0;
  End *a = find(splice_->a), *b = find(splice_->b);
  PH_REQUIRE(a != nullptr && b != nullptr && a->link && b->link);
  a->link->take_back(r.a.eof, r.b.eof_passed, error_of(r.a));
  b->link->take_back(r.b.eof, r.a.eof_passed, error_of(r.b));
  a->link->add_bytes(r.a.bytes + r.a.rest.size(), r.b.bytes);
  b->link->add_bytes(r.b.bytes + r.b.rest.size(), r.a.bytes);
  const auto pass_rest = [this](End& from, End& to, const Returned::Side& side) {
    if (!side.rest.empty()) {
      // More than the buffer for a moment: what a pipe held was accepted, so it is delivered.
      to.link->set_buffer(buffer_of(to) + side.rest.size());
      to.link->send(side.rest);
      to.link->set_buffer(buffer_of(to));
      if (to.link->queued() > 0) {  // else nothing would say that there is room again
        from.waits_for = to.id;
        from.link->pause(true);
      }
    }
    if (side.eof && splice_->pass_eof && !side.eof_passed) to.link->send_eof();
  };
  pass_rest(*a, *b, r.a);
  pass_rest(*b, *a, r.b);

  const bool pass_eof = splice_->pass_eof, unsplicing = splice_->unsplicing;
  const ph_link first = splice_->a;
  for (End* e : {a, b}) {
    if (e->ending && !e->ending->done) finish(*e);
  }
  // A link that broke says so itself, on a later turn.
  if (a->ending || b->ending || error_of(r.a) != 0 || error_of(r.b) != 0) return;
  if (r.a.eof && r.b.eof && pass_eof) {
    splice_.reset();
    end(*a, Cause::peer_closed, "both directions were closed", false, false);
    end(*b, Cause::peer_closed, "both directions were closed", false, false);
    return;
  }
  if (unsplicing || (!pass_eof && (r.a.eof || r.b.eof))) {
    splice_.reset();
    if (r.a.eof && !a->ending) tell_eof(*a);
    if (r.b.eof && !b->ending) tell_eof(*b);
    if (unsplicing && !broken_) {
      instance_.on_writable(first);
      contained();
    }
  }
  for (End* e : {a, b}) {
    if (e->link && !e->ending && e->waits_for == no_link) offer(*e);
  }
}

}  // namespace peerhold
