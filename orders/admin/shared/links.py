"""Ways from one page of the desk to another, in the little room that a row has."""

from __future__ import annotations

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orders.models import Order

ID_WIDTH = 12  # characters


def short_id(cl_ord_id: str) -> str:
    """An id that fits its column: begin and end, which tell ids of one client apart."""
    return cl_ord_id if len(cl_ord_id) <= ID_WIDTH else f"{cl_ord_id[:3]}..{cl_ord_id[-7:]}"


def order_link(order: Order) -> SafeString:
    """The link to its page; a long id is whole in the title, which is read aloud with it."""
    url, shown = reverse("admin:orders_order_change", args=[order.id]), short_id(order.cl_ord_id)
    if shown == order.cl_ord_id:
        return format_html('<a href="{}">{}</a>', url, shown)
    return format_html('<a href="{}" title="{}">{}</a>', url, order.cl_ord_id, shown)
