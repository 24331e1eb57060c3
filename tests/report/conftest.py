import pytest
from invented_reports import invented_report

from normalcy.report.data import ReportData


@pytest.fixture(scope="session")
def report_data() -> ReportData:
    return invented_report()
