"""Pages with the kinds of fields that a site usually has: text, date, choice, tick, rich text."""

from django.db import models
from wagtail.admin.panels import FieldPanel
from wagtail.fields import RichTextField
from wagtail.models import Page


class NewsIndex(Page):
    """Lists its live news, newest first."""

    template = "news/index.html"
    subpage_types = ["news.NewsPage"]

    def get_context(self, request, *args, **kwargs):
        context = super().get_context(request, *args, **kwargs)
        context["news"] = NewsPage.objects.child_of(self).live().order_by("-day", "title")
        return context

    class Meta:
        verbose_name = "list of news"


class NewsPage(Page):
    """One piece of news."""

    template = "news/page.html"
    parent_page_types = ["news.NewsIndex"]

    day = models.DateField("Day")
    kind = models.CharField(
        "Kind", max_length=10, choices=[("event", "Event"), ("notice", "Notice"), ("lost", "Lost and found")]
    )
    featured = models.BooleanField("Show it first", default=False)
    body = RichTextField("Body", blank=True, features=["bold", "italic", "link", "ul"])

    content_panels = Page.content_panels + [
        FieldPanel("day"),
        FieldPanel("kind"),
        FieldPanel("featured"),
        FieldPanel("body"),
    ]

    class Meta:
        verbose_name = "piece of news"
