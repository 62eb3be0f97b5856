"""Bad rows of a basket are fixed in place, before any of it is sent."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from brokers.models import BrokerAccount
from orders.access import accounts_of_person
from orders.admin.orders.baskets.basket import BASKET, checked_rows
from orders.admin.orders.ticket.ticket import clear_numbers
from orders.admin.shared.pages import desk_page, person_of
from orders.entry.reading.ticket_texts import COLUMNS
from orders.models import DeskJob, DeskJobRow


@desk_page(*BASKET)
@require_POST
def fix(request: HttpRequest, job_id: UUID, line: int) -> HttpResponse:
    """Check a row with what was typed; only its owner's, and only while nothing of the basket is sent."""
    person = person_of(request)
    with transaction.atomic():
        job = DeskJob.objects.select_for_update().filter(pk=job_id, owner=person).first()
        row = DeskJobRow.objects.filter(job=job, line=line).first() if job else None
        if job is None or row is None:
            raise Http404
        if job.started_at is not None:
            messages.error(request, "The basket was sent already; nothing was changed.")
        else:
            check_again(request, row)
    return HttpResponseRedirect(f"{reverse('desk:job', args=[job_id])}?show=bad", status=303)


def check_again(request: HttpRequest, row: DeskJobRow) -> None:
    """The row as it was typed now, with what is wrong with it."""
    typed = {name: request.POST[name].strip()[:200] for name in COLUMNS if name in request.POST}
    texts, unclear = clear_numbers({**row.fields, **typed})
    ((fields, errors),) = checked_rows(
        [texts],
        row.job_id.hex,
        accounts_of_person(request.user),
        wrong=[{name: words[0] for name, words in unclear.items()}],
        user=person_of(request).get_username(),
    )
    others = DeskJobRow.objects.filter(job_id=row.job_id).exclude(pk=row.pk)
    if others.filter(fields__cl_ord_id=fields["cl_ord_id"]).exists():
        errors["cl_ord_id"] = ["Stands in the file twice."]
    row.fields, row.errors = fields, errors
    row.account = BrokerAccount.objects.filter(pk=fields.get("account")).first()
    row.save(update_fields=["fields", "errors", "account"])
    if errors:
        messages.error(request, f"Line {row.line} is still not right.")
    else:
        messages.success(request, f"Line {row.line} is good now.")
